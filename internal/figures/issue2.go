package figures

// issue2 is "A real cluster from one command". A check whose Test is empty waits for its test; the comment
// behind it says which name is meant.
func issue2() []Requirement {
	return []Requirement{
		{
			ID: "2.clients",
			Text: "A fresh clone is ready within 10 s of the build's end; redis-cli, redis-cli --cluster check, " +
				"go-redis, rueidis and ioredis work through every node",
			Checks: []Check{
				{Dir: "test/e2e", Test: ""},    // TestUpIsReady
				{Dir: "test/compat", Test: ""}, // TestClientsWork
			},
			Bounds: []Bound{{Figure: "ready after", Max: 10, Unit: "s"}},
		},
		{
			ID: "2.real-data",
			Text: "Debian's package index is loaded while nodes are killed and restarted in turn; every record " +
				"reads back byte for byte through every node",
			Checks: []Check{{Dir: "test/e2e", Test: "TestRealDataWhileNodesDie"}},
		},
		{
			ID: "2.node-loss",
			Text: "Writers on 64 keys, one node killed: no acknowledged write lost, none applied whose reply " +
				"said not applied; all nodes killed at once; a node that missed 200,000 writes catches up",
			Checks: []Check{
				{Dir: "test/e2e", Test: "TestNoAckedWriteLost"},
				{Dir: "test/e2e", Test: "TestAllNodesKilled"},
				{Dir: "test/e2e", Test: "TestLaggingNodeCatchesUp"},
			},
		},
		{
			ID: "2.million-keys",
			Text: "A million keys of 128 bytes: load time, disk bytes per key, resident memory below 1 GiB a " +
				"node, first read within 10 s of a restart",
			Checks: []Check{{Dir: "test/e2e", Test: "TestMillionKeys"}},
			Bounds: []Bound{
				{Figure: "restart to first read", Max: 10, Unit: "s"},
				{Figure: "resident memory", Max: 1024, Unit: "MiB"},
			},
		},
		{
			ID: "2.bad-input",
			Text: "Malformed RESP, a declared length of 2 GB, 10,000 idle connections, HTTP on the Redis port, " +
				"a value over the limit, a full disk, another cluster's directory, a corrupted log: a clear " +
				"error each time and nothing acknowledged is lost",
			Checks: []Check{
				{Dir: "test/e2e", Test: "TestBadInputRESP"},
				{Dir: "test/e2e", Test: "TestTruncatedPipeline"},
				{Dir: "test/e2e", Test: "TestHTTPOnRedisPort"},
				{Dir: "test/e2e", Test: "TestValueOverTheLimit"},
				{Dir: "test/e2e", Test: "TestPipelineOfLargeValues"},
				{Dir: "test/e2e", Test: "TestClientsThatNeverRead"},
				{Dir: "test/e2e", Test: "TestUnfinishedValues"},
				{Dir: "test/e2e", Test: "TestTenThousandIdleConnections"},
				{Dir: "test/e2e", Test: "TestFullDisk"},
				{Dir: "test/e2e", Test: "TestForeignDirectoryChangesNothing"},
				{Dir: "test/e2e", Test: "TestForeignDataDirectory"},
				{Dir: "test/e2e", Test: "TestCorruptedLogByte"},
				{Dir: "test/e2e", Test: "TestTornLogTail"},
				{Dir: "test/e2e", Test: "TestCorruptedStateFile"},
			},
		},
		{
			ID: "2.speed",
			Text: "Server CPU per 128-byte SET is at most 1.3 times that of durable Redis in the same run, at " +
				"64 connections without pipelining and at depth 16",
			Checks: []Check{{Dir: "bench", Test: ""}}, // TestSpeedAgainstRedis
			Bounds: []Bound{
				{Figure: "CPU ratio depth 1", Max: 1.3},
				{Figure: "CPU ratio depth 16", Max: 1.3},
			},
		},
		{
			ID: "2.repeats",
			Text: "A deterministic cluster of three cores in memory elects, writes, crashes, recovers, and " +
				"repeats exactly from a seed",
			Checks: []Check{{Dir: "internal/sim", Test: ""}}, // TestClusterRepeatsFromSeed
		},
	}
}
