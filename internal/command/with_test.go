package command_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

func TestParseWith(t *testing.T) {
	tests := []struct {
		line string
		kind command.Kind
		id   string
		with command.With
		err  string
	}{
		{
			line: "KATA WITH session TOKEN GET k", kind: command.KindGet,
			with: command.With{Read: katakv.Consistency{Level: katakv.LevelSession}, Token: []byte("TOKEN")},
		},
		{line: "kata with DEFAULT t MGET a b", kind: command.KindMGet, with: command.With{Default: true}},
		{line: "KATA WITH default t KATA ONCE id-1 INCR n", kind: command.KindIncrBy, id: "id-1", with: command.With{Default: true}},
		{line: "KATA WITH default t KATA ONCE id-1 KATA SET k v IF ABSENT", kind: command.KindSetIf, id: "id-1", with: command.With{Default: true}},
		{line: "KATA WITH strong t KATA GET k", kind: command.KindGetRecord},
		{line: "KATA WITH strong t GET", err: "ERR wrong number of arguments for 'kata|with' command"},
		{line: "KATA WITH strong t SET k", err: "ERR wrong number of arguments for 'set' command"},
		{line: "KATA WITH strong t PING x", err: "ERR KATA WITH takes a command on keys, not 'PING'"},
		{line: "KATA WITH strong t KATA WITH strong t GET k", err: "ERR KATA WITH takes a command on keys, not 'KATA'"},
		{line: "KATA WITH strong t KATA ONCE id KATA WITH strong t GET k", err: "ERR KATA ONCE takes a command on keys, not 'KATA'"},
		{line: "KATA WITH weak t GET k", kind: command.KindGet, err: "ERR KATA WITH: 'weak' is no level: use strong, strong replica, session, bounded <age> or eventual"},
		{line: "KATA WITH bounded t GET k", kind: command.KindGet, err: "ERR KATA WITH: bounded needs the greatest age of an answer, such as bounded 500ms"},
	}
	for _, tt := range tests {
		args := split(tt.line)
		spec, err := command.Resolve(args)
		var op command.Operation
		var with command.With
		if err == nil {
			op, err = spec.Parse(args)
		}
		if err == nil {
			with, err = command.ParseWith(args)
		}
		if got := errorText(err); got != tt.err {
			t.Errorf("%q: got error %q, want %q", tt.line, got, tt.err)
		}
		if err != nil {
			continue
		}
		id := ""
		if op.Once != nil {
			id = string(op.Once.ID)
		}
		if op.Kind != tt.kind || id != tt.id || len(op.Keys) != len(spec.Keys(args)) {
			t.Errorf("%q: got kind %d, id %q, keys %q, by the table %q", tt.line, op.Kind, id, op.Keys, spec.Keys(args))
		}
		if with.Read != tt.with.Read || with.Default != tt.with.Default {
			t.Errorf("%q: got %+v, want %+v", tt.line, with, tt.with)
		}
	}
	words := split("KATA WITH x t GET k")
	words[2] = []byte("Bounded 2s")
	if with, err := command.ParseWith(words); err != nil || with.Read.Bound != 2*time.Second {
		t.Errorf("a bound in one argument: got %+v, %v", with, err)
	}
}

func TestParseConditions(t *testing.T) {
	revision := katakv.NewRevision(12, 3)
	for _, tt := range []struct {
		line string
		want command.Operation
		err  string
	}{
		{"KATA GET k", command.Operation{Kind: command.KindGetRecord}, ""},
		{"KATA SET k v", command.Operation{Kind: command.KindSetIf}, ""},
		{"kata set k v if absent", command.Operation{Kind: command.KindSetIf, Flags: command.FlagNX}, ""},
		{"KATA SET k v IF PRESENT", command.Operation{Kind: command.KindSetIf, Flags: command.FlagXX}, ""},
		{"KATA SET k v IF 12-3", command.Operation{Kind: command.KindSetIf, Flags: command.FlagRevision, Delta: int64(revision)}, ""},
		{"KATA DEL k", command.Operation{Kind: command.KindDelIf}, ""},
		{"KATA DEL k IF 12-3", command.Operation{Kind: command.KindDelIf, Flags: command.FlagRevision, Delta: int64(revision)}, ""},
		{"KATA DEL k IF PRESENT", command.Operation{Kind: command.KindDelIf, Flags: command.FlagXX}, ""},
		{"KATA DEL k IF ABSENT", command.Operation{}, `ERR the condition: "ABSENT" is no revision, which looks like 4711-0`},
		{"KATA SET k v IF 12", command.Operation{}, `ERR the condition: "12" is no revision, which looks like 4711-0`},
		{"KATA SET k v UNLESS ABSENT", command.Operation{}, "ERR syntax error"},
		{"KATA SET k v IF", command.Operation{}, "ERR syntax error"},
		{"KATA SET k v IF ABSENT PRESENT", command.Operation{}, "ERR syntax error"},
	} {
		args := split(tt.line)
		spec, err := command.Resolve(args)
		if err != nil {
			t.Fatalf("%q: %v", tt.line, err)
		}
		op, err := spec.Parse(args)
		if got := errorText(err); got != tt.err {
			t.Errorf("%q: got error %q, want %q", tt.line, got, tt.err)
		}
		if err == nil && (op.Kind != tt.want.Kind || op.Flags != tt.want.Flags || op.Delta != tt.want.Delta || op.Check() != nil) {
			t.Errorf("%q: got %+v, want %+v", tt.line, op, tt.want)
		}
	}
}
