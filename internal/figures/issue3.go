package figures

import "slices"

// issue3 is "Prove it: the simulator, the checkers and real faults".
func issue3() []Requirement {
	return []Requirement{
		{
			ID: "3.simulation",
			Text: "2,000 seeds of about a simulated minute pass with at least 20 operations acknowledged a second; at " +
				"least 100 times real time on a core with the state in memory, 30 times with Pebble",
			Checks: tests("cmd/katasim", "TestSeeds"),
			Bounds: []Bound{{Figure: "seeds failed", Max: 0}},
		},
		{
			ID:     "3.repeats",
			Text:   "20 seeds give the same trace hashes in a second process with another GOMAXPROCS",
			Checks: tests("cmd/katasim", "TestRepeatsInAnotherProcess"),
		},
		{
			ID:     "3.mutants",
			Text:   "At least 90 % of the planted bugs are found, each within 60 seconds of processor time",
			Checks: tests("cmd/katasim", "TestMutants"),
			Bounds: []Bound{{Figure: "longest processor time to find one", Max: 60, Unit: "s"}},
		},
		{
			ID: "3.chaos",
			Text: "At least 12 scenarios of 2 minutes on real processes: 60 kills, 30 power cuts, 200,000 checked " +
				"operations, every verdict Ok",
			Checks: tests("test/chaos", "TestScenarios"),
			Bounds: []Bound{{Figure: "violations", Max: 0}},
		},
		{
			ID: "3.sees",
			Text: "The checkers and the judge find what is wrong with broken histories, broken traces, a server made by " +
				"hand that loses writes, serves stale reads and applies twice, and Redis, which loses a second of " +
				"acknowledged writes with its power unless it syncs always",
			Checks: slices.Concat(
				tests("internal/check",
					"TestLinearizable", "TestExactlyOnce", "TestGrowth", "TestElections", "TestLogsThatMatch", "TestLogsThatDoNotMatch", "TestCommits", "TestCommitsThatBreak",
					"TestDurability", "TestDurabilityThatBreaks", "TestProgress", "TestStates", "TestSnapshots", "TestEpochs", "TestConfigurations",
					"TestCorruption", "TestLiveness", "TestBounds"),
				tests("internal/chaos", "TestJudgeSees"),
				tests("test/chaos", "TestFindsWhatRedisLoses"),
			),
			Bounds: []Bound{{Figure: "groups of keys not linearizable, always", Max: 0}},
		},
		{
			ID: "3.storage",
			Text: "The state engine and the log agree with plain models over random steps, options, crashes and failing " +
				"disks: more than 2,000 crashes and a million operations",
			Checks: slices.Concat(
				tests("internal/engine/pebble", "TestMetamorphic", "TestFlippedBit"),
				tests("internal/kv", "TestOneDiskCrashes"),
				tests("internal/raftlog", "TestCrash", "TestDeathThenPowerCut"),
			),
		},
	}
}
