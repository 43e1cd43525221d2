package node

import (
	"log/slog"
	"testing"

	"github.com/katakv/katakv/internal/datadir"
)

func TestWritesAreRefusedWhileTheDiskIsNearlyFull(t *testing.T) {
	const total = 100 << 30
	steps := []struct {
		name     string
		free     uint64
		readOnly bool
		failed   bool
	}{
		{"plenty", 50 << 30, false, false},
		{"at the mark", lowWaterBytes, false, false},
		{"below it", lowWaterBytes - 1, true, false},
		{"just above it again", lowWaterBytes + 1, true, false},
		{"well above it", lowWaterBytes + lowWaterBytes/roomFraction, false, false},
		{"below it once more", lowWaterBytes / 2, true, false},
		{"critical", lowWaterBytes/criticalFraction - 1, true, true},
	}
	n := &Node{cfg: Config{Logger: slog.New(slog.DiscardHandler)}, failed: make(chan error, 1)}
	var err error
	if n.dir, err = datadir.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		n.judgeSpace(s.free, total)
		if n.readOnly.Load() != s.readOnly || n.failing.Load() != s.failed {
			t.Errorf("%s: refuses writes %v, stops %v; want %v, %v", s.name, n.readOnly.Load(), n.failing.Load(), s.readOnly, s.failed)
		}
	}
}
