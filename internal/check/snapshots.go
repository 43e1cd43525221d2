package check

import (
	"fmt"

	"github.com/katakv/katakv"
)

// Snapshots checks that installing a snapshot of a state gives that state, with all that clients cannot see of it:
// expiries, remembered requests, the epoch. The zero value is ready.
type Snapshots struct {
	taken States
}

// Taken tells the checksum of the state that m took a snapshot of.
func (s *Snapshots) Taken(m Member, index katakv.Index, value uint64) error {
	return s.taken.Saw(m, index, value, "snapshot taken")
}

// Installed tells the checksum of the state that m has from a snapshot.
func (s *Snapshots) Installed(m Member, index katakv.Index, value uint64) error {
	want, known := s.taken.sum(m.Shard, index)
	switch {
	case !known:
		return fmt.Errorf("%v installed a snapshot at index %d, which nobody took", m, index)
	case want != value:
		return fmt.Errorf("%v installed a snapshot at index %d: checksum %016x, but %016x was taken", m, index, value, want)
	}
	return nil
}
