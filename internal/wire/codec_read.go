package wire

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/katakv/katakv"
)

// A read is
//
//	level(1 B) replica(1 B) bound(uvarint, nanoseconds)
func appendConsistency(dst []byte, c katakv.Consistency) []byte {
	dst = appendBool(append(dst, byte(c.Level)), c.Replica)
	return binary.AppendUvarint(dst, uint64(c.Bound))
}

func (d *decoder) consistency() katakv.Consistency {
	c := katakv.Consistency{Level: d.level(), Replica: d.bool()}
	bound := d.uvarint()
	if bound > uint64(katakv.MaxBound) {
		d.fail("bound of %d ns, limit %v", bound, katakv.MaxBound)
		return katakv.Consistency{}
	}
	c.Bound = time.Duration(bound)
	return c
}

func (d *decoder) level() katakv.Level {
	level := katakv.Level(d.byte())
	if !level.Valid() {
		d.fail("level %d: a newer version sent it", level)
		return 0
	}
	return level
}

func (d *decoder) age() time.Duration {
	n := d.uvarint()
	if n > math.MaxInt64 {
		d.fail("age of %d ns", n)
		return 0
	}
	return time.Duration(n) - 1
}
