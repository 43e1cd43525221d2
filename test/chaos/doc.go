// Package chaos holds tests that hurt the real binary's nodes under load, by package internal/chaos: a few scenarios
// of half a minute in a plain run, all of them at two minutes each when figures are measured. That the judge sees
// violations is tested beside it, in internal/chaos, and here with a store written by others: Redis.
//
// # Concurrency
//
// The tests run one after the other: each needs the machine for itself.
package chaos
