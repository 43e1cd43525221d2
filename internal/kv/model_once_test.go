package kv_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/slot"
)

// modelRequests is what a shard remembers of requests, by slot and id, and forgets at once when their time is over.
type modelRequests struct {
	clock int64
	known map[string]modelRequest
}

type modelRequest struct {
	asked, reply string
	until        int64
}

// after returns what is remembered for the next entry, whose clock is later by little, by much, or not at all.
func (m modelRequests) after(rng *rand.Rand) modelRequests {
	m.known = maps.Clone(m.known)
	if m.clock == 0 {
		m.clock = 1_775_000_000_000
	}
	switch rng.IntN(4) {
	case 0:
	case 1:
		m.clock += int64(rng.IntN(30_000))
	default:
		m.clock += int64(rng.IntN(1000))
	}
	return m
}

// execute is what a client must see of an operation.
func (m *modelRequests) execute(state model, op *command.Operation) string {
	if op.Once == nil {
		return state.execute(op)
	}
	if !op.OneSlot() {
		return "error invalid: the keys of one request lie in different slots: give them one hash tag"
	}
	key := fmt.Sprintf("%d %s", slot.Of(op.Keys[0]), op.Once.ID)
	asked := fmt.Sprintf("%d %d %d %q %q", op.Kind, op.Flags, op.Delta, op.Keys, op.Values)
	if r, ok := m.known[key]; ok && m.clock < r.until {
		if r.asked != asked {
			return "error reused: this request id was used for another command: nothing was changed; choose a new id for each command"
		}
		return r.reply
	}
	r := modelRequest{asked: asked, reply: state.execute(op), until: m.clock + max(1, op.Once.Retention.Milliseconds())}
	m.known[key] = r
	return r.reply
}

// giveID makes a write a request: of a new id, or one that was used for the same or something else.
func (w *world) giveID(op *command.Operation) {
	if !op.Kind.Writes() {
		return
	}
	asked := fmt.Sprintf("%d %d %s %s", op.Kind, op.Delta, op.Keys[0], op.Values)
	id := fmt.Sprint("id ", w.rng.IntN(4), len(asked)%3)
	if w.rng.IntN(2) == 0 {
		id = asked // the same one asks for the same, but for flags and further keys
	}
	once(id, time.Duration(w.rng.IntN(3)*w.rng.IntN(10_000))*time.Millisecond, op)
}
