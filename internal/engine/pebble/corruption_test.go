package pebble_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/crashfs"
	"github.com/katakv/katakv/internal/engine/pebble"
	"github.com/katakv/katakv/internal/require"
)

// TestFlippedBit flips one durable bit in some file of an engine and opens it again. It must be refused, or met while
// it is read, or change nothing. One more outcome is known: Pebble takes what is invalid at the end of a manifest for
// torn, and so comes up with an older prefix of the commits, from which the log begins too late.
func TestFlippedBit(t *testing.T) {
	flips := 150
	if require.Full() {
		flips = 1000
	}
	rng := rand.New(rand.NewPCG(require.Seed(t), 21))
	disk, states := flipSource(t, rng)
	counts := map[string]int{}
	for range flips {
		damaged := disk.Clone()
		name, offset, ok := damaged.FlipBit(rng, func(string) bool { return true })
		if !ok {
			t.Fatal("nothing to flip")
		}
		got, outcome := readDamaged(damaged)
		if outcome == "" {
			n, _ := strconv.Atoi(got[counter])
			switch {
			case n >= len(states) || !maps.Equal(got, states[n]):
				t.Fatalf("%s byte %d: silently different: %s", name, offset, difference(got, states[min(n, len(states)-1)]))
			case n == len(states)-1:
				outcome = "same"
			case !strings.Contains(name, "MANIFEST"):
				t.Fatalf("%s byte %d: %d of %d commits are left", name, offset, n, len(states)-1)
			default:
				outcome = "older"
			}
		}
		kind, _, _ := strings.Cut(disk.PathBase(name), "-")
		counts[outcome+" "+kind[max(0, strings.LastIndex(kind, ".")):]]++
	}
	t.Logf("%d flips: %v", flips, counts)
	if counts["met .sst"]+counts["refused .sst"] == 0 {
		t.Error("no flip was noticed")
	}
}

// flipSource returns a disk with an engine of several tables, all durable, and the state after each commit.
func flipSource(t *testing.T, rng *rand.Rand) (*crashfs.FS, []map[string]string) {
	t.Helper()
	r := &runner{set: 0, disk: crashfs.New(), state: map[string]string{}, digest: nil}
	r.promised.Store(&promise{state: map[string]string{}})
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	states := []map[string]string{{}}
	for range 4 {
		for range 30 {
			// No deletions: what they cover is never read.
			c := change{writes: []edit{{'s', counter, fmt.Sprint(r.commits + 1)}}}
			for range 3 {
				c.writes = append(c.writes, edit{'s', drawKey(rng), drawValue(rng)})
			}
			r.add(c)
			if err := commitTo(r.engine, &c); err != nil {
				t.Fatal(err)
			}
			states = append(states, maps.Clone(r.state))
		}
		if err := r.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	return r.disk.Crash(crashfs.KeepAll, nil), states
}

// readDamaged opens the engine and reads all of it, in two ways. The outcome is empty when nothing was noticed.
func readDamaged(disk *crashfs.FS) (got map[string]string, outcome string) {
	r := &runner{fatal: make(chan error, 1)}
	var e *pebble.Engine
	err, dead := r.guard(func() (err error) {
		e, err = pebble.Open(dir, pebble.Options{FS: disk, CacheBytes: 256 << 10, MemTableBytes: 128 << 10, Fatal: r.onFatal(r.fatal)})
		return err
	})
	if err != nil || dead {
		return nil, "refused"
	}
	err, dead = r.guard(func() error {
		all, err := contents(e)
		if err != nil {
			return err
		}
		for key := range 250 {
			name := fmt.Sprintf("k%03d", key)
			value, err := e.Get([]byte(name))
			if want, ok := all[name]; string(value) != want || ok != (err == nil) {
				return fmt.Errorf("get %s: %q, %w; scanned %q, %v", name, value, err, want, ok)
			}
		}
		got = all
		return nil
	})
	if dead {
		return nil, "met"
	}
	if err != nil {
		_ = e.Close()
		return nil, "met"
	}
	if err := e.Close(); err != nil {
		return nil, "met"
	}
	return got, ""
}
