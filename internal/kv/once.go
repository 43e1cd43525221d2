package kv

import (
	"encoding/binary"
	"fmt"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/slot"
)

// Requests with an id are executed once. What came of each is written into the batch that holds its effect, and stays
// until the shard's clock shows that its time is over. From then on it counts as forgotten, on every replica at the same
// entry. The bytes go later, a few with each entry: an entry looks at the slots one after the other, forgets what is over
// at the front of each, and leaves the rest to the next one.
const (
	// sweepInterval is the time between two rounds over the slots, in milliseconds: a round reads something in each
	// slot that remembers a request, and costs in the worst case 16,384 reads.
	sweepInterval = 10_000
	// sweepSteps is how many slots and requests an entry looks at, and sweepStepsPerOperation for how many more with each
	// of its operations: so a shard forgets faster than it can be made to remember.
	sweepSteps             = 16
	sweepStepsPerOperation = 2
)

var (
	errOtherRequest = &katakv.Error{Code: katakv.CodeReused, Message: "this request id was used for another command: " +
		"nothing was changed; choose a new id for each command"}
	errManySlots = &katakv.Error{
		Code: katakv.CodeInvalid, Message: "the keys of one request lie in different slots: give them one hash tag",
	}
	errFull = &katakv.Error{Code: katakv.CodeTryAgain, Message: "the shard remembers as many requests as it may: " +
		"send fewer with a request id, or wait until it has forgotten some"}
	errLargeReply = &katakv.Error{Code: katakv.CodeTooLarge, Message: fmt.Sprintf("the value to be answered is over %d KiB, "+
		"more than is remembered with a request id: nothing was changed; ask without GET", katakv.MaxRememberedReplyBytes>>10)}
	errReplyDropped = &katakv.Error{Code: katakv.CodeUnknown, Message: "the request took effect when it was sent before, " +
		"but its reply was too large to be remembered: read what it wrote"}
)

// once executes an operation with a request id, or answers what came of it before.
func (x *execution) once(op *command.Operation) (command.Reply, error) {
	if refusal := x.m.checkSlots(op); refusal != nil {
		return command.ErrorReply(refusal), nil
	}
	if !op.OneSlot() {
		return command.ErrorReply(errManySlots), nil
	}
	s, id := slot.Of(op.Keys[0]), op.Once.ID
	key := appendRequestKey(nil, s, id)
	known, found, err := x.lookupRequest(key)
	if err != nil {
		return command.Reply{}, err
	}
	mark := fingerprint(op)
	if found && x.m.meta.Clock < known.until {
		if known.fingerprint != mark {
			return command.ErrorReply(errOtherRequest), nil
		}
		return known.reply, nil
	}
	if found {
		if err := x.forgetEarly(s, id, known.until); err != nil {
			return command.Reply{}, err
		}
	}
	if x.m.meta.Remembered >= katakv.MaxRememberedBytes {
		return command.ErrorReply(errFull), nil
	}
	reply, err := x.perform(op)
	if err != nil || !decided(&reply) {
		return reply, err
	}
	retention := max(op.Once.Retention.Milliseconds(), 1) // what this entry remembers, it does not forget
	x.remember(s, id, key, &request{
		until: x.m.meta.Clock + retention, made: x.m.meta.Clock, index: x.index,
		fingerprint: mark, reply: reply,
	})
	return reply, nil
}

// perform executes an operation whose reply must be small enough to be remembered.
func (x *execution) perform(op *command.Operation) (command.Reply, error) {
	if op.Kind == command.KindSet && op.Flags&command.FlagGet != 0 {
		old, _, err := x.view.lookup(op.Keys[0])
		if err != nil {
			return command.Reply{}, err
		}
		if len(old.payload) > katakv.MaxRememberedReplyBytes {
			return command.ErrorReply(errLargeReply), nil
		}
	}
	return x.executePlain(op)
}

// decided reports whether a reply says what came of an operation for good. An error that was met in the order of all
// operations does, and is remembered as well: a retry that came later could succeed, after the client was told of the
// failure.
func decided(reply *command.Reply) bool {
	if reply.Kind != command.ReplyError {
		return true
	}
	switch reply.Err.Code {
	case katakv.CodeNotLeader, katakv.CodeTryAgain, katakv.CodeNoRoom:
		return false
	}
	return true
}

// remember adds a request to the batch.
func (x *execution) remember(s katakv.Slot, id, key []byte, r *request) {
	data := encodeRequest(r)
	if len(data) > requestHeaderBytes+katakv.MaxRememberedReplyBytes+binary.MaxVarintLen64 {
		dropped := *r // no command comes here: see perform
		dropped.reply = command.ErrorReply(errReplyDropped)
		data = encodeRequest(&dropped)
	}
	forget := appendForgetKey(nil, s, r.until, id)
	cost := len(key) + len(data) + len(forget)
	x.w.batch.Set(key, data)
	x.w.batch.Set(forget, binary.AppendUvarint(nil, uint64(cost)))
	x.w.overlay[string(key)] = change{present: true, value: data}
	x.m.meta.Remembered += int64(cost)
	x.m.wrote = true
}

// forgetEarly deletes a request whose time is over, before the sweep comes to it.
func (x *execution) forgetEarly(s katakv.Slot, id []byte, until int64) error {
	key := appendForgetKey(nil, s, until, id)
	value, err := x.w.engine.Get(key)
	if err != nil {
		return fmt.Errorf("read when to forget request %q: %w", id, err)
	}
	return x.forget(key, value, s, id)
}

// forget deletes a request and its 'e' key.
func (x *execution) forget(key, value []byte, s katakv.Slot, id []byte) error {
	cost, err := decodeCost(value)
	if err != nil {
		return err
	}
	request := appendRequestKey(nil, s, id)
	x.w.batch.Delete(key)
	x.w.batch.Delete(request)
	if x.reads {
		x.w.overlay[string(request)] = change{}
	}
	x.m.meta.Remembered -= cost
	invariant.Check(x.m.meta.Remembered >= 0, "%v remembers %d bytes of requests", x.m.shard, x.m.meta.Remembered)
	x.m.wrote = true
	return nil
}

// sweepDue reports whether an entry that leaves the clock at now forgets requests.
func (m *Machine) sweepDue(now int64) bool {
	return m.meta.Remembered > 0 && m.meta.Slots != nil && now >= m.meta.SweepAt
}

// sweep goes on with the round over the slots, for so many steps. The engine must hold all that the machine wrote.
func (x *execution) sweep(steps int) error {
	meta := &x.m.meta
	if meta.SweepSlot < meta.Slots.First {
		meta.SweepSlot = meta.Slots.First
	}
	for steps > 0 {
		done, err := x.sweepFrom(&steps)
		if err != nil {
			return err
		}
		if done {
			meta.SweepSlot, meta.SweepAt = 0, meta.Clock+sweepInterval
			break
		}
	}
	return nil
}

// sweepFrom forgets what is over at the front of the next slot that remembers something, and reports whether there was
// none.
func (x *execution) sweepFrom(steps *int) (done bool, err error) {
	meta := &x.m.meta
	if meta.SweepSlot > meta.Slots.Last {
		return true, nil
	}
	done = true
	span := slotSpan(prefixForget, slot.Range{First: meta.SweepSlot, Last: meta.Slots.Last})
	scan := func(key, value []byte) bool {
		s, until, id, failure := splitForgetKey(key)
		if failure != nil {
			err = failure
			return false
		}
		meta.SweepSlot = s
		if *steps == 0 {
			done = false
			return false
		}
		*steps--
		if until > meta.Clock {
			meta.SweepSlot, done = s+1, false
			return false
		}
		err = x.forget(key, value, s, id)
		return err == nil
	}
	if failure := x.w.engine.Scan(span, scan); failure != nil {
		err = fmt.Errorf("look for requests to forget: %w", failure)
	}
	return done, err
}
