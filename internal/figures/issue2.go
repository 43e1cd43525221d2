package figures

import "slices"

// issue2 is "A real cluster from one command".
func issue2() []Requirement {
	return []Requirement{
		{
			ID: "2.clients",
			Text: "A fresh clone is ready within 10 s of the build's end; redis-cli, redis-cli --cluster check, " +
				"go-redis, rueidis and ioredis work through every node",
			Checks: slices.Concat(
				tests("test/e2e", "TestUpIsReady", "TestRedisCLI"),
				tests("test/compat", "TestClientsWork"),
			),
			Bounds: []Bound{{Figure: "ready after", Max: 10, Unit: "s"}},
		},
		{
			ID: "2.real-data",
			Text: "Debian's package index is loaded while nodes are killed and restarted in turn; every record " +
				"reads back byte for byte through every node",
			Checks: tests("test/e2e", "TestRealDataWhileNodesDie"),
		},
		{
			ID: "2.node-loss",
			Text: "Writers on 64 keys, one node killed: no acknowledged write lost, none applied whose reply " +
				"said not applied; all nodes killed at once; a node that missed 200,000 writes catches up",
			Checks: tests("test/e2e", "TestNoAckedWriteLost", "TestAllNodesKilled", "TestLaggingNodeCatchesUp"),
		},
		{
			ID: "2.million-keys",
			Text: "A million keys of 128 bytes: load time, disk bytes per key, resident memory below 1 GiB a " +
				"node, first read within 10 s of a restart",
			Checks: tests("test/e2e", "TestMillionKeys"),
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
			Checks: tests("test/e2e",
				"TestBadInputRESP", "TestTruncatedPipeline", "TestHTTPOnRedisPort", "TestValueOverTheLimit",
				"TestPipelineOfLargeValues", "TestClientsThatNeverRead", "TestUnfinishedValues",
				"TestTenThousandIdleConnections", "TestFullDisk", "TestForeignDirectoryChangesNothing",
				"TestForeignDataDirectory", "TestNodeOfAnotherClusterIsRefused", "TestCorruptedLogByte",
				"TestTornLogTail", "TestCorruptedStateFile",
			),
		},
		{
			ID: "2.speed",
			Text: "Server CPU per 128-byte SET is at most 1.3 times that of durable Redis in the same run, at " +
				"64 connections without pipelining and at depth 16",
			Checks: tests("bench", "TestSpeedAgainstRedis"),
			Bounds: []Bound{
				{Figure: "CPU ratio depth 1", Max: 1.3},
				{Figure: "CPU ratio depth 16", Max: 1.3},
			},
		},
		{
			ID: "2.repeats",
			Text: "A deterministic cluster of three cores in memory elects, writes, crashes, recovers, and " +
				"repeats exactly from a seed",
			Checks: tests("internal/sim",
				"TestElectsWritesAndConverges", "TestSurvivesFaults", "TestLaggingNodeCatchesUpBySnapshot",
				"TestRepeatsFromSeed",
			),
		},
	}
}
