package chaos

import (
	"context"
	"strconv"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/slot"
)

// trialShards is how many ranges of slots the keys of a trial are taken from, so that clients do not all meet on few.
const trialShards = 4

// Trial is the clients of a scenario at work on a store that somebody else starts, hurts and ends: any that knows the
// commands, at one address. What a store of others is known to lose, the judge must find. The methods are called
// from one goroutine.
type Trial struct {
	addr     string
	workload *workload
}

// Judgement is what a trial came to.
type Judgement struct {
	// Violations are what must not have happened.
	Violations []string
	// Applied, Refused, Unknown and Checked are as in Result.
	Applied, Refused, Unknown, Checked int
	// Groups is how many groups of keys were judged, NotLinear how many of them no order of operations explains.
	Groups, NotLinear int
	// Acknowledged are the writes of counters and logs that were answered, Lost those of them that were gone in the end.
	Acknowledged, Lost int
}

// StartTrial lets clients work on the store at addr, until Stop. Of the options, Clients, Rate and Seed count.
func StartTrial(addr string, o Options) *Trial {
	o.fill()
	var shards []shardSlots
	for i, slots := range slot.Split(trialShards) {
		shards = append(shards, shardSlots{id: katakv.ShardID(i + 1), slots: slots})
	}
	w := newWorkload(&workloadConfig{
		doors: []placement.Addresses{{Plain: addr}}, shards: shards, clients: o.Clients, rate: o.Rate, seed: o.Seed,
		tally: newTally(),
	})
	w.start()
	return &Trial{addr: addr, workload: w}
}

// Stop waits until every client has its last answer, or has given it up. It may be called again.
func (t *Trial) Stop() { t.workload.halt() }

// Judge stops the clients, reads all keys, as soon as the store answers, and judges what was seen. The error says
// that the keys could not be read until ctx ended.
func (t *Trial) Judge(ctx context.Context) (*Judgement, error) {
	t.Stop()
	w, told := t.workload, t.workload.tally
	h := w.history()
	read, err := readThrough(ctx, t.addr, keysOf(h), finalClient)
	if err != nil {
		return nil, err
	}
	final, err := readThrough(ctx, t.addr, keysOfStreams(w.streams), finalClient)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	judge(r, append(h, read...), w.streams, []check.History{final}, told)
	j := &Judgement{
		Violations: told.violations(), Checked: r.Checked, Groups: len(r.verdict.Groups),
		Applied: told.outcome(katakv.OutcomeApplied), Refused: told.outcome(katakv.OutcomeNotApplied),
		Unknown: told.outcome(katakv.OutcomeUnknown),
	}
	for _, g := range r.verdict.Offending() {
		if g.Result == check.NotLinear {
			j.NotLinear++
		}
	}
	for i, s := range w.streams {
		acknowledged, lost := s.lost(final[i].Reply.Bulk)
		j.Acknowledged += acknowledged
		j.Lost += lost
	}
	return j, nil
}

// lost returns how many writes were answered, and how many of these what is left of the key falls short of: each
// answer tells the count, or the length, that the key had grown to.
func (s *stream) lost(value string) (acknowledged, lost int) {
	left := int64(len(value))
	if s.kind == check.IncrBy {
		left, _ = strconv.ParseInt(value, 10, 64) // what is no number is none
	}
	for i := range s.history {
		op := &s.history[i]
		if op.Outcome != katakv.OutcomeApplied {
			continue
		}
		acknowledged++
		if op.Reply.Int > left {
			lost++
		}
	}
	return acknowledged, lost
}
