package chaos

import (
	"fmt"
	"math/rand/v2"

	"github.com/katakv/katakv/internal/check"
)

// generator makes up what one client asks for. Every word that it writes is written once in the whole run, so a
// read tells which write it saw.
type generator struct {
	client int
	rng    *rand.Rand
	wrote  int
}

// choice is one kind of operation and how often it is taken among the others of its table.
type choice struct {
	weight int
	make   func(g *generator, keys []string) check.Operation
}

// choices are the tables, by kind of lane.
var choices = [laneKinds][]choice{
	words: {
		{34, func(_ *generator, keys []string) check.Operation { return operation(check.Get, keys[:1]) }},
		{18, func(g *generator, keys []string) check.Operation { return g.set(keys[:1], 0) }},
		{5, func(g *generator, keys []string) check.Operation { return g.set(keys[:1], check.IfAbsent) }},
		{6, func(g *generator, keys []string) check.Operation { return g.set(keys[:1], check.IfPresent) }},
		{6, func(g *generator, keys []string) check.Operation { return g.set(keys[:1], check.WithGet) }},
		{4, func(g *generator, keys []string) check.Operation { return operation(check.SetNX, keys[:1], g.word()) }},
		{10, func(g *generator, keys []string) check.Operation {
			return operation(check.Append, keys[:1], g.word()+";")
		}},
		{5, func(_ *generator, keys []string) check.Operation { return operation(check.Strlen, keys[:1]) }},
		{4, func(_ *generator, keys []string) check.Operation { return operation(check.Exists, keys[:1]) }},
		{8, func(_ *generator, keys []string) check.Operation { return operation(check.Del, keys[:1]) }},
	},
	numbers: {
		{35, func(_ *generator, keys []string) check.Operation { return operation(check.Get, keys[:1]) }},
		{45, func(_ *generator, keys []string) check.Operation { return add(keys[:1], 1) }},
		{10, func(g *generator, keys []string) check.Operation { return add(keys[:1], g.rng.Int64N(2001)-1000) }},
		{6, func(g *generator, keys []string) check.Operation { return g.setNumber(keys[:1]) }},
		{4, func(_ *generator, keys []string) check.Operation { return operation(check.Del, keys[:1]) }},
	},
	groups: {
		{32, func(_ *generator, keys []string) check.Operation { return operation(check.MGet, keys) }},
		{22, func(g *generator, keys []string) check.Operation {
			return operation(check.MSet, keys, g.word(), g.word(), g.word())
		}},
		{14, func(g *generator, keys []string) check.Operation { return operation(check.Get, g.one(keys)) }},
		{10, func(g *generator, keys []string) check.Operation { return g.set(g.one(keys), 0) }},
		{6, func(g *generator, keys []string) check.Operation {
			return operation(check.Append, g.one(keys), g.word()+";")
		}},
		{6, func(g *generator, keys []string) check.Operation {
			return operation(check.Del, keys[:1+g.rng.IntN(len(keys))])
		}},
		{5, func(_ *generator, keys []string) check.Operation { return operation(check.Exists, keys) }},
		{5, func(g *generator, keys []string) check.Operation { return g.set(g.one(keys), check.IfAbsent) }},
	},
}

// next returns an operation on a generation of a lane, without times and outcome.
func (g *generator) next(kind laneKind, keys []string) check.Operation {
	table := choices[kind]
	total := 0
	for _, c := range table {
		total += c.weight
	}
	at := g.rng.IntN(total)
	for _, c := range table {
		if at -= c.weight; at < 0 {
			op := c.make(g, keys)
			op.Client = g.client
			return op
		}
	}
	return check.Operation{} // not reached: the weights add up to total
}

// read returns a read of all keys.
func (g *generator) read(kind laneKind, keys []string) check.Operation {
	op := operation(check.Get, keys[:1])
	if kind == groups {
		op = operation(check.MGet, keys)
	}
	op.Client = g.client
	return op
}

// word returns a text that nobody else writes.
func (g *generator) word() string {
	g.wrote++
	return fmt.Sprintf("%d.%d", g.client, g.wrote)
}

func (g *generator) one(keys []string) []string {
	at := g.rng.IntN(len(keys))
	return keys[at : at+1]
}

func (g *generator) set(keys []string, options check.SetOptions) check.Operation {
	op := operation(check.Set, keys, g.word())
	op.Options = options
	return op
}

// setNumber sets a number that is as good as unique.
func (g *generator) setNumber(keys []string) check.Operation {
	return operation(check.Set, keys, fmt.Sprint(g.rng.Int64N(1_000_000_000_000)))
}

func operation(kind check.Kind, keys []string, values ...string) check.Operation {
	return check.Operation{Kind: kind, Keys: keys, Values: values}
}

func add(keys []string, delta int64) check.Operation {
	return check.Operation{Kind: check.IncrBy, Keys: keys, Delta: delta}
}
