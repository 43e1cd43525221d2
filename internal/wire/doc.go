// Package wire is the language between nodes: the messages and their bounded, versioned binary form. It opens
// no sockets; transport carries what it encodes.
//
//	frames, err := wire.AppendFrames(nil, &wire.MapRequest{Epoch: 7}) // ready to be written
//	...
//	header, err := wire.ParseFrameHeader(eight, wire.MaxPayloadBytes) // before anything is allocated
//	err = header.Check(payload)
//	message, err := wire.Decode(payload)
//
// Every decoder is bounded: what it allocates is limited by the bytes that arrived, and counts and lengths are
// checked first. Kinds and fields keep their meaning for ever; what may change is governed by the versions that
// two nodes agree on in their [Hello].
//
// What it leaves to others: who may speak (transport), what a message means (core, router, node).
//
// # Concurrency
//
// Messages are plain values. Encoding only reads them, so several goroutines may encode the same one. Decoding
// returns values that share memory with the input only where [Decode] says so.
package wire
