package wire_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/wire"
)

func drawRead(rng *rand.Rand) katakv.Consistency {
	return katakv.Consistency{
		Level: katakv.Level(rng.IntN(4)), Replica: rng.IntN(2) == 0, Bound: time.Duration(rng.Int64N(int64(katakv.MaxBound) + 1)),
	}
}

// TestForeignLevelsAreRefused: what this version does not know must not be taken for something else.
func TestForeignLevelsAreRefused(t *testing.T) {
	for name, m := range map[string]wire.Message{
		"a level of a forward": &wire.Forward{Read: katakv.Consistency{Level: 4}},
		"a bound of a forward": &wire.Forward{Read: katakv.Consistency{Level: katakv.LevelBounded, Bound: katakv.MaxBound + 1}},
		"a level of a reply":   &wire.ForwardReply{Level: 4},
		"an age of a reply":    &wire.ForwardReply{Age: -2},
	} {
		if _, err := wire.Decode(wire.Append(nil, m)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}
