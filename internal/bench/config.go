package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Limits on a run, which keep a mistyped flag from taking the machine.
const (
	// MaxConnections is half of the descriptors that a process commonly has.
	MaxConnections = 8192
	// MaxPipeline keeps one round's commands within socket buffers, so that neither side waits for the other
	// to read.
	MaxPipeline = 4096
	// MaxKeys is as many as twelve digits name.
	MaxKeys = 999_999_999_999
	// MaxValueBytes is what a round of a large pipeline holds in memory without thought.
	MaxValueBytes = 8 << 20
)

// Config describes one run.
type Config struct {
	// Addrs are where the slot map is asked for in cluster mode, and where workers connect in turn otherwise.
	Addrs []string
	// Cluster makes the workers cluster-aware.
	Cluster bool

	// Connections is the number of workers. In cluster mode each has a connection to each node.
	Connections int
	// Pipeline is how many operations each worker has in flight.
	Pipeline int
	// ValueBytes is the size of a value.
	ValueBytes int
	// Keys is the number of keys, "key:000000000000" and on; each operation draws one uniformly.
	Keys int64
	// ReadPercent is the share of GET; the rest is SET.
	ReadPercent int
	// WaitReplicas, if positive, puts WAIT n 0 behind each node's writes of a round.
	WaitReplicas int

	// Warmup is run before anything is counted.
	Warmup time.Duration
	// Duration is the measured time, unless Operations is set.
	Duration time.Duration
	// Operations, if positive, ends the run after so many.
	Operations int64

	// Timeout ends a connection that does not answer; zero means ten seconds.
	Timeout time.Duration
	// Seed of keys, values and the choice between reads and writes.
	Seed uint64

	// Proc is /proc, for CPU times; nil leaves them out.
	Proc fs.FS
	// ServerPIDs are the processes whose CPU time is counted.
	ServerPIDs []int
}

// Validate returns what is wrong with c, in the words of the flags of `katakv bench`.
func (c *Config) Validate() error {
	switch {
	case len(c.Addrs) == 0:
		return errors.New("no address: give --addrs")
	case c.Connections < 1 || c.Connections > MaxConnections:
		return fmt.Errorf("--connections %d: choose 1 to %d", c.Connections, MaxConnections)
	case c.Pipeline < 1 || c.Pipeline > MaxPipeline:
		return fmt.Errorf("--pipeline %d: choose 1 to %d", c.Pipeline, MaxPipeline)
	case c.ValueBytes < 0 || c.ValueBytes > MaxValueBytes:
		return fmt.Errorf("--value-bytes %d: choose 0 to %d", c.ValueBytes, MaxValueBytes)
	case c.Keys < 1 || c.Keys > MaxKeys:
		return fmt.Errorf("--keys %d: choose 1 to %d", c.Keys, int64(MaxKeys))
	case c.ReadPercent < 0 || c.ReadPercent > 100:
		return fmt.Errorf("--reads %d: choose a percentage, 0 to 100", c.ReadPercent)
	case c.WaitReplicas < 0:
		return fmt.Errorf("--wait %d: choose 0 for none, or a number of replicas", c.WaitReplicas)
	case c.Warmup < 0 || c.Duration < 0 || c.Timeout < 0 || c.Operations < 0:
		return errors.New("times and counts cannot be negative")
	case c.Duration == 0 && c.Operations == 0:
		return errors.New("no end: give --duration or --operations")
	}
	return nil
}
