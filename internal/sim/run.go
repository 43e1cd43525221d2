package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/katakv/katakv/internal/check"
)

// The bounds of the liveness phase, from the end of the faults on.
const (
	// acceptTime is how long a shard may take until it accepts a write again: an election that fails a few times.
	acceptTime = 12 * time.Second
	// settleTime is how long clients go on afterwards.
	settleTime = time.Second
	// convergeTime is how long replicas may take to become equal once nobody writes: snapshots are tried again
	// after snapshotPatience.
	convergeTime = 20 * time.Second
	// agreeTime is how long nodes may take to agree on the map and on who leads: a few rounds of gossip, some lost.
	agreeTime = 10 * time.Second
	// readTime bounds the final reads: a link may lose a few forwards in a row, each of which takes a router's
	// patience.
	readTime = 30 * time.Second
	// judgeTime bounds the judgement of a history, in real time; what takes longer counts as a failure to look at.
	judgeTime = time.Minute
)

// Result is what came of a run.
type Result struct {
	Plan  Plan
	Trace uint64
	// Err is the first violation, nil when all held.
	Err error

	Simulated time.Duration
	Events    uint64
	// Acknowledged, NotApplied and Unknown count the clients' commands.
	Acknowledged, NotApplied, Unknown int
	// Retries counts how often requests with an id were sent again.
	Retries  int
	Strikes  map[string]int
	Installs int
	History  check.History
}

// Run carries out a plan.
func Run(p Plan) Result {
	r := Result{Plan: p}
	c, err := New(p.Options)
	if err != nil {
		r.Err = err
		return r
	}
	run := &run{Cluster: c, plan: p}
	r.Err = run.carryOut()
	c.Close()
	if r.Err == nil {
		r.Err = c.failed // something leaked
	}
	r.Trace, r.Simulated, r.Events, r.Installs = c.Trace(), c.Now(), c.trace.events, c.installs
	if run.clients != nil {
		cs := run.clients
		r.Acknowledged, r.NotApplied, r.Unknown, r.History = cs.Acknowledged, cs.NotApplied, cs.Unknown, cs.history
		r.Retries = cs.Retries
	}
	if run.nemesis != nil {
		r.Strikes = run.nemesis.strikes
	}
	return r
}

// run is a plan being carried out.
type run struct {
	*Cluster
	plan    Plan
	clients *Clients
	nemesis *nemesis
}

func (r *run) carryOut() error {
	r.tell("%v", r.plan)
	if err := r.AwaitLeaders(acceptTime); err != nil {
		return err
	}
	r.clients = NewClients(r.Cluster, r.plan.Workload)
	var err error
	if r.nemesis, err = newNemesis(r.Cluster, r.plan.Faults); err != nil {
		return err
	}
	if err := r.Run(r.plan.Safety); err != nil {
		return err
	}
	r.nemesis.stop()
	r.sever()
	if err := r.recovers(); err != nil {
		return fmt.Errorf("liveness: %w", err)
	}
	return r.judge()
}

// sever cuts a node off for good, if a majority of every shard is left without it.
func (r *run) sever() {
	if r.plan.Severed == SeveredNot || r.expendable() <= 0 {
		return
	}
	rng := newRand(r.opts.Seed, "severed")
	i := rng.IntN(len(r.nodes))
	n := r.nodes[i]
	n.severed = true
	r.tell("%v %s for good", n.id, r.plan.Severed)
	only := (i + 1) % len(r.nodes)
	// Whoever does not hear a leader that a majority hears stays behind it.
	r.nodes[only].behind = r.plan.Severed == SeveredLink
	for j := range r.nodes {
		if j == i || (r.plan.Severed == SeveredLink && j != only) {
			continue
		}
		if r.plan.Severed != SeveredDeaf {
			r.CutOneWay(i, j)
		}
		if r.plan.Severed == SeveredAll || r.plan.Severed == SeveredDeaf {
			r.CutOneWay(j, i)
		}
	}
}

// recovers holds the cluster to its promise that a connected majority serves.
func (r *run) recovers() error {
	l := check.NewLiveness(acceptTime, convergeTime)
	if err := r.AwaitWrites(l); err != nil {
		return err
	}
	if err := r.Run(settleTime); err != nil {
		return err
	}
	r.clients.Stop()
	if err := r.RunUntil(maxPatience, r.clients.Idle); err != nil {
		return err
	}
	if err := r.AwaitConvergence(l); err != nil {
		return err
	}
	return r.AwaitAgreement(agreeTime)
}

// maxFinalReads bounds how often everything is read in the end: what still moves a shard then is nobody's request.
const maxFinalReads = 60

// readInTheEnd reads everything strongly, and through every node whatever that has. A write whose sender gave it up long
// ago may still arrive: then both are read again, until they are of the same indexes. The network loses and delays
// nothing any more, or elections would move indexes for ever.
func (r *run) readInTheEnd() (final map[string]string, last check.History, err error) {
	r.network.calm()
	for range maxFinalReads {
		from := len(r.clients.history)
		if final, err = r.clients.ReadAll(readTime); err != nil {
			return nil, nil, err
		}
		if last, err = r.clients.ReadEverywhere(readTime); err != nil {
			return nil, nil, err
		}
		if r.clients.history[from:].SameIndexes(last) {
			return final, last, nil
		}
		if err = r.Run(settleTime); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, fmt.Errorf("read %d times in the end, and shards still moved in between", maxFinalReads)
}

// judge reads everything once more and judges the history.
func (r *run) judge() error {
	final, last, err := r.readInTheEnd()
	if err != nil {
		return err
	}
	h := r.clients.history
	lists := make(map[string]string)
	for _, key := range r.clients.touched {
		if onceOnly(key) {
			lists[key] = final[key]
		}
	}
	return errors.Join(
		check.Linearizable(h, check.LinearizableOptions{Timeout: judgeTime}).Failed(),
		check.ExactlyOnce(h, lists),
		check.Growth(h),
		check.Sessions(h),
		check.Bounded(h),
		check.Revisions(h),
		check.Eventual(h, last, final),
	)
}
