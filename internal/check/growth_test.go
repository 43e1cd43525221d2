package check_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

func TestGrowth(t *testing.T) {
	tests := []struct {
		name, history string
		want          []string
	}{
		{"counter", "1 0..1 INCRBY k 2 -> 2\n 2 2..3 GET k -> 2\n 2 2..3 MGET k x -> 2 nil\n 1 4..5 INCRBY k 1 -> 3", nil},
		{"stale read", "1 0..1 INCRBY k 2 -> 2\n 2 2..3 GET k -> nil", []string{`key "k"`, "told 0, though 2", "2ms..3ms GET", "0s..1ms INCRBY"}},
		{"stale among many", "1 0..1 INCRBY k 2 -> 2\n 2 2..3 MGET x k -> nil 1", []string{"told 1, though 2", "MGET"}},
		{"back by a read", "1 0..9 INCRBY k 2 -> 2\n 2 1..2 GET k -> 2\n 3 3..4 GET k -> nil", []string{"told 0, though 2"}},
		{"at the same time", "1 0..2 INCRBY k 2 -> 2\n 2 2..3 GET k -> nil", nil},
		{"increment lost", "1 0..1 INCRBY k 2 -> 2\n 2 2..3 INCRBY k 1 -> 2", []string{"told 2, though 2", "2ms..3ms"}},
		{"applied twice", "1 0..1 INCRBY k 2 -> 2\n 2 2..3 GET k -> 4", []string{`key "k"`, "told 4", "make 2"}},
		{"unknown ones may count", "1 0..1 INCRBY k 2 -> ?\n 2 2..3 GET k -> 2\n 2 4..5 INCRBY k 1 -> 3", nil},
		{"refused ones may not", "1 0..1 INCRBY k 2 -> refused\n 2 2..3 GET k -> nil\n 2 4..5 GET k -> 2", []string{"told 2", "make 0"}},
		{"future one may not", "1 0..1 GET k -> 2\n 2 2..3 INCRBY k 2 -> 2", []string{"told 2", "make 0"}},
		{"failed reads tell nothing", "1 0..1 INCRBY k 2 -> 2\n 2 2..3 GET k -> refused", nil},
		{"append", "1 0..1 APPEND k ab -> 2\n 2 2..3 STRLEN k -> 2\n 2 4..5 GET k -> ab", nil},
		{"append, stale", "1 0..1 APPEND k ab -> 2\n 2 2..3 GET k -> a", []string{"told 1, though 2"}},
		{"append, stale length", "1 0..1 APPEND k ab -> 2\n 2 2..3 STRLEN k -> 1", []string{"told 1, though 2", "STRLEN"}},
		{"append, long", "1 0..1 APPEND k ab -> 3", []string{"told 3", "make 2"}},
		{"other keys", "1 0..1 SET k 5 -> OK\n 1 2..3 GET k -> nil\n 1 4..5 INCRBY n -1 -> -1", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantError(t, check.Growth(parse(t, test.history)), test.want...)
		})
	}
}

func TestGrowthIsFast(t *testing.T) {
	var h check.History
	for i := range 100_000 {
		at := time.Duration(i)
		h = append(h, check.Operation{
			Call: at, Return: at + 5, Kind: check.IncrBy, Keys: []string{"k"}, Delta: 1,
			Outcome: katakv.OutcomeApplied, Reply: check.Reply{Kind: check.Int, Int: int64(i + 1)},
		}, check.Operation{
			Call: at, Return: at + 5, Kind: check.Get, Keys: []string{"k"},
			Outcome: katakv.OutcomeApplied, Reply: check.Reply{Kind: check.Bulk, Bulk: fmt.Sprint(i + 1)},
		})
	}
	start := time.Now()
	wantError(t, check.Growth(h))
	if took := time.Since(start); took > time.Minute {
		t.Errorf("200,000 operations on one key took %v", took)
	}
}
