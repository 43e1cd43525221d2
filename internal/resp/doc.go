// Package resp turns bytes of the Redis protocol (RESP2 and RESP3) into values and back. It knows no command
// and does no I/O: the caller moves the bytes.
//
// A server reads commands with a [Parser] and writes replies with a [Writer]:
//
//	for {
//		n, err := conn.Read(parser.Space(minRead))
//		parser.Commit(n)
//		for {
//			args, err := parser.Next()
//			if errors.Is(err, resp.ErrIncomplete) {
//				break // read more
//			}
//			// *TooLargeError: answer the error and go on; any other error: answer it and close.
//		}
//	}
//
// A client writes commands with [AppendCommand] and reads replies with a [ReplyParser] in the same way.
//
// What it promises:
//
//   - Everything is bounded by [Limits] and [ReplyLimits]. Memory grows with the bytes that arrived, to at most
//     twice their number plus a fixed buffer and the slice headers of the arguments; a declared length
//     allocates nothing.
//   - Parsing resumes where it stopped: cutting the input into any pieces gives the same results, and the time
//     spent is linear in the bytes received.
//   - A command's arguments are memory of their own that belongs to the caller, since commands outlive buffers.
//   - A line break inside a simple string or an error never reaches the wire, so a reply cannot forge another.
//   - Bytes of HTTP and TLS are recognised before any of them acts as a command ([ForeignError]).
//
// It leaves to others what commands mean (package command), and reading, writing, timeouts and the memory of all
// connections together (package server). Sources: the protocol specification at
// https://redis.io/docs/latest/develop/reference/protocol-spec/ and the behaviour of Redis 7.
//
// # Concurrency
//
// Each [Parser], [ReplyParser] and [Writer] belongs to one goroutine at a time. Functions are pure.
package resp
