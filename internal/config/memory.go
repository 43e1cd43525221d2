package config

import "github.com/katakv/katakv"

// Memory is how the resident memory that a node aims for is shared out.
type Memory struct {
	// GoLimitBytes is the runtime's soft limit: the collector works harder when the heap comes near it.
	GoLimitBytes int64
	// CacheBytes is for the state engine's block cache, MemTableBytes for one of its memtables.
	CacheBytes, MemTableBytes int64
	// InflightBytes bounds operations in flight, WindowBytes log entries kept for followers.
	InflightBytes, WindowBytes int
	// InputBytes bounds unfinished commands, for each of the two Redis ports, and the values held for the HTTP port.
	InputBytes int
}

// goLimitShare leaves an eighth for what the runtime does not count: the program itself and peaks between
// collections.
const goLimitNumerator, goLimitDenominator = 7, 8

// maxMemTableBytes is the size beyond which a memtable costs more processor time for each write than it saves
// in flushes, measured with 100,000 keys.
const maxMemTableBytes = 16 << 20

// Memory shares MemoryBytes out. The parts are bounds that are seldom reached together; they add up to less
// than the runtime's limit, but for the floor under InputBytes, which the largest command needs.
func (c *Config) Memory() Memory {
	m := c.MemoryBytes
	return Memory{
		GoLimitBytes:  m / goLimitDenominator * goLimitNumerator,
		CacheBytes:    m / 6,
		MemTableBytes: min(m/48, maxMemTableBytes), // a few exist at a time
		InflightBytes: int(m / 6),
		WindowBytes:   int(m / 12),
		InputBytes:    max(int(m/8), 2*katakv.MaxCommandBytes),
	}
}
