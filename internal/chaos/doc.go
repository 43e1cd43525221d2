// Package chaos hurts real nodes while clients use them, and judges what the clients saw. One run of a [Scenario]
// is: a throw-away cluster of processes (localcluster) on a substrate of disks and a network that can fail; a
// workload of many clients that record every operation; a nemesis that breaks things by a seeded schedule; then
// everything is healed, every key is read through every node, and package check judges the history.
//
//	results, err := chaos.Run(ctx, chaos.Scenarios(), chaos.Options{Binary: "bin/katakv", Duration: 2 * time.Minute})
//
// A scenario fails when
//
//   - the history is not linearizable, or takes too long to judge;
//   - a counter or a log of appends lost an acknowledged write, or has one twice, or has a refused one;
//   - a node ends by itself where nothing that was done to it explains that, or logs a panic;
//   - a node answers with an internal failure;
//   - after healing, a shard takes no write within [LivenessLimit], or replicas differ.
//
// The seed fixes the schedule of faults and what each client asks for. Processes and the kernel are not
// deterministic: the same seed gives the same kind of trouble, not the same run.
//
// A [Trial] is the clients and the judge alone, for a store that somebody else runs.
//
// # Concurrency
//
// [Run] is called from one goroutine and returns after everything that it started has ended; so does Trial.Stop.
//
//	goroutine  owner     receives                     ends
//	client     workload  nothing; it asks the nodes   when the workload stops, after its last answer
//	nemesis    Run       nothing; it hurts the stage  with its context
//	progress   Run       a ticker                     when the scenario is over
//
// What they share is behind the mutex of the type that holds it: a lane's keys, the stage's faults, the tally.
package chaos
