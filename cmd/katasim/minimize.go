package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/sim"
)

// minimize drops what a failing seed does not need: kinds of fault first, then clients, then time.
func minimize(ctx context.Context, args []string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("minimize", flag.ContinueOnError)
	var c changes
	c.register(flags)
	seed, err := parseWithSeed(flags, args, stdout)
	if err != nil {
		return err
	}
	m := &minimizer{ctx: ctx, seed: seed, stdout: stdout}
	smallest, ok := m.fails(c)
	if !ok {
		fmt.Fprintf(stdout, "seed %d does not fail: there is nothing to minimize\n", seed)
		return nil
	}
	smallest = m.shorten(m.fewerClients(m.fewerFaults(m.plainer(smallest))))
	p, err := smallest.plan(seed)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "the smallest plan that fails: %v\nrepeat it with: katasim replay %d%s\n", p, seed, smallest.flags())
	return errFailed
}

// minimizer tries plans.
type minimizer struct {
	ctx    context.Context
	seed   uint64
	stdout io.Writer
}

// fails carries a plan out, and reports whether it fails.
func (m *minimizer) fails(c changes) (changes, bool) {
	p, err := c.plan(m.seed)
	if err != nil || m.ctx.Err() != nil {
		return c, false
	}
	r := sim.Run(p)
	if r.Err == nil {
		return c, false
	}
	first, _, _ := strings.Cut(r.Err.Error(), "\n")
	fmt.Fprintf(m.stdout, "fails with%s: %s\n", c.flags(), first)
	return c, true
}

// attempt keeps a change if the plan still fails with it.
func (m *minimizer) attempt(from, to changes) changes {
	if c, ok := m.fails(to); ok {
		return c
	}
	return from
}

func (m *minimizer) plainer(c changes) changes {
	p, err := c.plan(m.seed)
	if err != nil {
		return c
	}
	if p.Severed != sim.SeveredNot {
		to := c
		to.severed = false
		c = m.attempt(c, to)
	}
	if p.Options.Pebble {
		to := c
		to.pebble = "no"
		c = m.attempt(c, to)
	}
	return c
}

func (m *minimizer) fewerFaults(c changes) changes {
	to := c
	to.without = "all"
	if c, ok := m.fails(to); ok {
		return c
	}
	p, err := c.plan(m.seed)
	if err != nil {
		return c
	}
	for _, f := range p.Faults {
		to := c
		to.without = strings.TrimPrefix(c.without+","+f.Name, ",")
		c = m.attempt(c, to)
	}
	return c
}

func (m *minimizer) fewerClients(c changes) changes {
	for _, n := range []int{1, 2, 3, 4, 6} {
		to := c
		to.clients = n
		if p, err := c.plan(m.seed); err != nil || n >= p.Workload.Clients {
			break
		}
		if c, ok := m.fails(to); ok {
			return c
		}
	}
	return c
}

func (m *minimizer) shorten(c changes) changes {
	p, err := c.plan(m.seed)
	if err != nil {
		return c
	}
	for _, part := range []time.Duration{16, 8, 4, 2} {
		to := c
		to.safety = (p.Safety / part).Round(time.Millisecond)
		if c, ok := m.fails(to); ok {
			return c
		}
	}
	return c
}
