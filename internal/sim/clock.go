package sim

import "time"

// million is one in the unit of clock rates, parts per million.
const million = 1_000_000

// nodeClock is a node's monotonic clock: it runs at a rate of its own and may jump forward, as one does that goes on
// in suspend.
type nodeClock struct {
	rate  int64         // parts per million of true time
	since time.Duration // when, in true time, the rate was set
	base  time.Duration // what the clock showed then
	// wallOff is how far the wall clock is from the monotonic one, beyond the epoch.
	wallOff time.Duration
}

// epoch is what right wall clocks show when a run begins, since 1970: a day in 2026.
const epoch = 20_545 * 24 * time.Hour

// read returns what the clock shows at the true time now.
func (c *nodeClock) read(now time.Duration) time.Duration {
	return c.base + time.Duration(int64(now-c.since)*c.rate/million)
}

// set changes the rate and lets the clock jump forward.
func (c *nodeClock) set(now time.Duration, rate int64, jump time.Duration) {
	c.base = c.read(now) + jump
	c.since, c.rate = now, rate
}

// takes returns how much true time passes while the clock advances by d.
func (c *nodeClock) takes(d time.Duration) time.Duration {
	return time.Duration(int64(d) * million / c.rate)
}
