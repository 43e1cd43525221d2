package replica

import "time"

// Time is what a node's clocks show.
type Time struct {
	// Monotonic counts from a fixed moment, suspend included, and never goes back.
	Monotonic time.Duration
}

// now returns what the clocks show.
func (r *Replica) now() Time {
	if r.cfg.Now == nil {
		return Time{}
	}
	return *r.cfg.Now
}
