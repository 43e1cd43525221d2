package chaos

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/slot"
)

func TestLaneChangesItsKey(t *testing.T) {
	for _, test := range []struct {
		name   string
		wearUp func(l *lane, g *generation) time.Duration // returns the time of the next take
		change bool
	}{
		{"fresh", func(*lane, *generation) time.Duration { return time.Second }, false},
		{"used up", func(l *lane, _ *generation) time.Duration { l.take(maxKeyOperations, 0); return 0 }, true},
		{"old", func(*lane, *generation) time.Duration { return maxKeyAge + 1 }, true},
		{"many of unknown fate", func(l *lane, g *generation) time.Duration {
			for range maxKeyUnknown {
				l.missed(g)
			}
			return 0
		}, true},
	} {
		l := newLanes(1, fourShards())[0]
		first := l.take(1, 0)
		next := l.take(1, test.wearUp(l, first))
		if (next != first) != test.change {
			t.Errorf("%s: the key changed: %v, want %v", test.name, next != first, test.change)
		}
	}
}

func TestLanesCoverEveryShardInEveryKind(t *testing.T) {
	shards := fourShards()
	seen := map[laneKind]map[string]bool{words: {}, numbers: {}, groups: {}}
	for _, l := range newLanes(lanesPerShard*len(shards), shards) {
		g := l.take(1, 0)
		for _, key := range g.keys {
			if !l.slots.Contains(slot.Of([]byte(key))) {
				t.Errorf("key %s of lane %d is not in %v", key, l.number, l.slots)
			}
		}
		if want := map[laneKind]int{words: 1, numbers: 1, groups: groupKeys}[l.kind]; len(g.keys) != want {
			t.Errorf("lane %d has the keys %q, want %d", l.number, g.keys, want)
		}
		seen[l.kind][l.shard.String()] = true
	}
	for kind, in := range seen {
		if len(in) != len(shards) {
			t.Errorf("lanes of kind %d are in %d shards of %d", kind, len(in), len(shards))
		}
	}
}

// TestGeneratorRepeats makes the same operations twice from one seed, in every form that a command takes.
func TestGeneratorRepeats(t *testing.T) {
	generate := func() (commands []string) {
		g := &generator{client: 7, rng: rand.New(rand.NewPCG(1, 2))}
		for i := range 3000 {
			keys := []string{"k"}
			kind := laneKind(i % int(laneKinds))
			if kind == groups {
				keys = []string{"{t}:a", "{t}:b", "{t}:c"}
			}
			op := g.next(kind, keys)
			var text strings.Builder
			for _, arg := range arguments(&op) {
				switch arg := arg.(type) {
				case string:
					text.WriteString(arg + " ")
				case int64:
					text.WriteString("N ")
				}
			}
			commands = append(commands, text.String())
		}
		return commands
	}
	first := generate()
	if !slices.Equal(first, generate()) {
		t.Error("the same seed made other operations")
	}
	all := strings.Join(first, "\n") + "\n"
	for _, want := range []string{
		"GET k ", " NX ", " XX ", " GET \n", "SETNX k ", "APPEND ", "STRLEN ", "EXISTS {t}:a {t}:b {t}:c ", "DEL {t}:a {t}:b ",
		"MGET ", "MSET {t}:a ", "INCR k ", "INCRBY k N ",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no command holds %q", want)
		}
	}
}

func TestWordsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for client := range 3 {
		g := &generator{client: client, rng: rand.New(rand.NewPCG(1, uint64(client)))}
		for i := range 1000 {
			op := g.next([]laneKind{words, groups}[i%2], []string{"a", "b", "c"})
			for _, value := range op.Values {
				if value = strings.TrimSuffix(value, ";"); seen[value] {
					t.Fatalf("%v writes %q again", op.Kind, value)
				}
				seen[value] = true
			}
		}
	}
	for kind := check.Get; kind <= check.Append; kind++ {
		if name := kind.String(); strings.Contains(name, "-") {
			t.Errorf("kind %d has no command: %s", uint8(kind), name)
		}
	}
}
