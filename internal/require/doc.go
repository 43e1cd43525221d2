// Package require tells a test whether this machine can run it. A test that lacks a tool or a right skips by
// name on a plain machine; where KATAKV_REQUIRE=1 is set, as .ci/run does after it installed everything, the
// same lack is a failure, so that a skip cannot hide there.
//
//	redisCLI := require.Tool(t, "redis-cli")
//	rng := rand.New(rand.NewPCG(require.Seed(t), 0))
//
// Only tests import it; internal/tidy holds that.
//
// # Concurrency
//
// The functions read the environment only and may be called from any goroutine that may call t.Fatal and
// t.Skip: the test's own.
package require
