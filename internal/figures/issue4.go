package figures

// issue4 is "Reads at every level, sessions, and fast failover", as far as it is there.
func issue4() []Requirement {
	return []Requirement{
		{
			ID: "4.failover",
			Text: "A leader's node is killed: its shards take writes again within 300 ms at the median and 1 s at worst, " +
				"20 trials; stands still: within 1.5 s; is restarted in order: no write through other nodes fails, and " +
				"none waits for 100 ms",
			Checks: tests("test/e2e", "TestFailoverTimes"),
			Bounds: []Bound{
				{Figure: "no writes when the leading node is killed, median", Max: 300, Unit: "ms"},
				{Figure: "no writes when the leading node is killed, max", Max: 1000, Unit: "ms"},
				{Figure: "no writes when the leading node is paused, max", Max: 1500, Unit: "ms"},
				{Figure: "no writes when the leading node is restarted, max", Max: 100, Unit: "ms"},
			},
		},
		{
			ID: "4.get-cpu",
			Text: "Server CPU per strong GET of 128 bytes is at most 2 times that of a GET of durable Redis in the same run, at " +
				"64 connections without pipelining",
			Checks: tests("bench", "TestReadSpeedAgainstRedis"),
			Bounds: []Bound{{Figure: "CPU ratio of GET depth 1", Max: 2}},
		},
		{
			ID: "4.stale",
			Text: "A replica is cut off from its leader, who goes on: it shows old values only at eventual, within a bound, and to " +
				"sessions that have seen nothing, and says how old they are; strong reads, and sessions with a token, are answered " +
				"right or refused; healed, it converges",
			Checks: tests("test/e2e", "TestStaleReplica"),
			Bounds: []Bound{
				{Figure: "old answers at strong, at session with a token, or beyond a bound", Max: 0},
				{Figure: "old answers that claimed to be younger", Max: 0},
				{Figure: "leaders that the cut replica deposed", Max: 0},
			},
		},
	}
}
