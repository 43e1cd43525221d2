package node

import (
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/replica"
	"github.com/katakv/katakv/internal/router"
)

// beginJourney begins the journey of a batch, if it has one: before it waits for room.
func beginJourney(batch *router.Batch) {
	if batch.Journey != nil {
		batch.Journey.Begin(clock.Monotonic())
	}
}

// beginLegs tells the journeys of requests that go to a core what time it is by the core's clock, which is not the
// router's but runs as fast.
func beginLegs(requests []*replica.Request) {
	for _, r := range requests {
		if r.Journey != nil {
			r.Journey.Begin(clock.Boot())
		}
	}
}
