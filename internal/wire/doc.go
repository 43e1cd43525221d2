// Package wire is the language between nodes: the messages and their bounded, versioned binary form. It opens
// no sockets; transport carries what it encodes.
//
// # Concurrency
//
// Messages are plain values. Encoding reads them; decoding returns values that share memory with the input
// frame only where a comment says so.
package wire
