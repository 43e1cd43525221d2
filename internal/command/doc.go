// Package command knows every command: one table gives its name, arity, flags and keys, and turns arguments
// into a typed [Operation]; a [Reply] is what comes back. Both have a bounded binary form, because they
// travel in Raft entries and between nodes.
//
// A command is what a client sends; an operation is a command parsed and checked, ready to apply. The table
// also drives COMMAND, `--help` texts and the documentation.
//
// What it leaves to others: bytes on the wire to clients (resp, server), executing operations (kv).
//
// # Concurrency
//
// The table is immutable; operations and replies are values owned by whoever holds them.
package command
