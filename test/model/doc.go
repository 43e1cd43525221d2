// Package model has the model checker spin go through the protocol models in docs/models: what is right must be
// verified, and each rule left out must be refuted by a counterexample. A model whose rules could be left out
// unpunished would prove nothing.
//
// # Concurrency
//
// The tests run one after the other: the checker takes memory by the gigabyte.
package model
