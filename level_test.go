package katakv_test

import (
	"testing"
	"time"

	"github.com/katakv/katakv"
)

func TestParseConsistency(t *testing.T) {
	for text, want := range map[string]katakv.Consistency{
		"strong":           {},
		" Strong  REPLICA": {Replica: true},
		"session replica":  {Level: katakv.LevelSession},
		"bounded 20":       {Level: katakv.LevelBounded, Bound: 20 * time.Millisecond},
		"bounded 1m30s":    {Level: katakv.LevelBounded, Bound: 90 * time.Second},
		"eventual":         {Level: katakv.LevelEventual},
	} {
		got, err := katakv.ParseConsistency(text)
		if err != nil || got != want || !got.Valid() {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
		if again, err := katakv.ParseConsistency(got.String()); err != nil || again != got {
			t.Errorf("%q: written as %q, which is read as %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "weak", "bounded", "bounded 0", "bounded 2h", "bounded 9223372036854775807", "strong leader", "strong replica too"} {
		if got, err := katakv.ParseConsistency(text); err == nil {
			t.Errorf("%q: got %+v; want an error", text, got)
		}
	}
}
