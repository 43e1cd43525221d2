package sim

import (
	"errors"
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/router"
)

// tracedShare is how many of the clients ask for journeys, which change nothing else.
const tracedShare = 0.3

// hear judges the journey of a pipeline that was answered, if the client asked for it.
func (cl *client) hear(b *router.Batch) {
	if b.Journey == nil {
		return
	}
	c := cl.clients.cluster
	told := b.Journey.Report()
	err := errors.Join(judgeJourney(told, c.witness.voters, b.Calls), c.witness.durableAsTold(told))
	if err != nil {
		c.fail(fmt.Errorf("the journey of client %d: %w in %+v", cl.number, err, told.Steps))
	}
}

// durableAsTold holds what a journey says of disks against what is on them.
func (w *witness) durableAsTold(told journey.Report) error {
	proposed := make(map[katakv.ShardID]*journey.Step)
	for i := range told.Steps {
		switch s := &told.Steps[i]; s.Kind {
		case journey.Proposed:
			proposed[s.Shard] = s
		case journey.Durable:
			for _, id := range w.voters[s.Shard] {
				if entry := proposed[s.Shard]; w.owner[id] == s.Peer && entry != nil {
					if err := w.durability.AppendAcknowledged(check.Member{Shard: s.Shard, Replica: id}, entry.Term, entry.Index); err != nil {
						return err
					}
				}
			}
		default:
		}
	}
	return nil
}

// judgeJourney holds a story against what must be true of it: it has a beginning and an end, its times do not go back,
// every answer has its cause, and what was applied was on the disks of a majority before.
func judgeJourney(told journey.Report, voters map[katakv.ShardID][]katakv.ReplicaID, calls []router.Call) error {
	steps := told.Steps
	if told.Dropped > 0 {
		return nil // a story with holes
	}
	if len(steps) == 0 || steps[0].Kind != journey.Received || steps[len(steps)-1].Kind != journey.Answered {
		return fmt.Errorf("no beginning or no end")
	}
	judged := make(map[katakv.ShardID]*shardStory)
	for i := range steps {
		s := &steps[i]
		if i > 0 && s.At < steps[i-1].At {
			return fmt.Errorf("step %d goes back in time", i)
		}
		story := judged[s.Shard]
		if story == nil {
			story = &shardStory{durable: make(map[katakv.NodeID]bool)}
			judged[s.Shard] = story
		}
		if err := story.add(s, len(voters[s.Shard])); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	for i := range calls {
		served := &calls[i].Served
		if story := judged[served.Shard]; served.Index != 0 && (story == nil || !story.answers(&calls[i])) {
			return fmt.Errorf("nothing explains the answer to call %d, of %v at %d", i, served.Shard, served.Index)
		}
	}
	return nil
}

// shardStory is what a journey tells of one shard. Of several attempts the last one counts.
type shardStory struct {
	proposed      katakv.Index
	term          katakv.Term
	durable       map[katakv.NodeID]bool
	applied, read katakv.Index
}

func (st *shardStory) add(s *journey.Step, voters int) error {
	switch s.Kind {
	case journey.Proposed:
		st.proposed, st.term = s.Index, s.Term
		clear(st.durable)
	case journey.Durable:
		st.durable[s.Peer] = true
	case journey.Quorum:
		if len(st.durable) <= voters/2 {
			return fmt.Errorf("a quorum of %d of %d", len(st.durable), voters)
		}
	case journey.Applied:
		if s.Index != st.proposed || s.Term != st.term {
			return fmt.Errorf("entry %d of term %d is applied, and %d of %d was proposed", s.Index, s.Term, st.proposed, st.term)
		}
		st.applied = s.Index
	case journey.Read:
		st.read = s.Index
	default:
	}
	return nil
}

// answers reports whether the story explains the answer to a call: at the index that it has.
func (st *shardStory) answers(call *router.Call) bool {
	return call.Reply.Kind == command.ReplyError || call.Served.Index == st.applied || call.Served.Index == st.read
}
