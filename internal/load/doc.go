// Package load writes the records of an NDJSON stream into a cluster, each under a key that one of its fields
// names, and checks afterwards that they are there. It stands behind `katakv load`.
//
//	progress, err := load.Write(ctx, file, load.Config{Addrs: addrs, Key: "name", Prefix: "pkg:"})
//	report, err := load.Verify(ctx, file, load.Config{Addrs: addrs, Key: "name", Prefix: "pkg:"})
//
// A record's value is its line, byte for byte, without the line end.
//
// What it promises:
//
//   - [Progress].Position is a place in the stream before which every record was acknowledged (or was bad and
//     skipped). A later [Write] that begins there loses nothing, whatever ended the first one.
//   - A write that failed is sent again, to the next address, until it is acknowledged: whether it surely did not
//     happen or its outcome is unknown, since writing the same record again changes nothing. When nothing gets
//     through for [Config].Patience, Write ends with the last error.
//   - Lines with the same key go through the same connection in their order, so the last of them wins. One
//     exception: a write of unknown outcome may take effect late, behind a later line's. Whoever needs certainty
//     gives each record a key of its own, which [Verify] demands anyway.
//   - A line that is no record ends the run with its number ([*LineError]), or is counted with SkipBad.
//   - Memory is bounded by connections, pipeline and the longest line, whatever the stream's length.
//
// It leaves to its caller files, what is kept between runs, and showing progress.
//
// # Concurrency
//
// [Write] and [Verify] block until their goroutines have ended, and may be called from any goroutine.
//
//	goroutine   owner   receives                                   ends
//	reader      flow    the stream                                 at its end, or at the first fatal error
//	worker      flow    batches, over a channel that holds two     when the channel is closed, or with the flow
//	reporter    flow    ticks                                      with the flow
//
// The channel is full while servers are slower than the stream: the reader waits. [Config].OnProgress is called
// from one goroutine at a time.
package load
