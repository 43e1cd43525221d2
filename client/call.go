package client

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/slot"
)

// noSlot is the slot of a command without keys: any node will do.
const noSlot = -1

// call is one command on its way: what is sent, and what became of it. One goroutine has it at a time.
type call struct {
	args   [][]byte
	key    []byte // the first, for messages
	slot   int    // of all its keys, or noSlot
	writes bool
	data   bool // a command on keys, which KATA WITH and KATA ONCE take
	once   bool // the caller wrote KATA ONCE

	id       string // of the request, if it has one
	redirect string // where the last answer sent it

	attempts int
	timeouts int  // attempts that ended by AttemptTimeout
	doubt    bool // an attempt may have taken effect
	last     error

	done   bool
	value  Value
	served []katakv.Served
	epoch  katakv.Epoch // of the map by which it was answered; zero if it was not told
	err    error
}

// newCall returns a call of a command on keys of one slot.
func newCall(writes bool, key []byte, args ...[]byte) *call {
	return &call{args: args, key: key, slot: int(slot.Of(key)), writes: writes, data: true}
}

// repeatable reports whether the command may be sent again although it may have taken effect.
func (k *call) repeatable() bool { return !k.writes || k.id != "" || k.once }

// verdict is what becomes of a call after an attempt, the worse the longer it takes.
type verdict uint8

const (
	settled   verdict = iota // it is done
	elsewhere                // it is to be sent to another node at once
	again                    // it did not take effect; later it may
	doubtful                 // it may have taken effect
)

// passing are the prefixes of refusals that pass by themselves.
var passing = map[string]bool{
	"TRYAGAIN": true, "CLUSTERDOWN": true, "LOADING": true, "MASTERDOWN": true, "BUSY": true, "READONLY": true,
}

// judge tells what an error of an attempt means.
func judge(err error) verdict {
	var reply *ReplyError
	var conn *ConnError
	switch {
	case err == nil:
		return settled
	case errors.As(err, &conn) && conn.Unsent:
		return again
	case errors.As(err, &conn):
		return doubtful
	case !errors.As(err, &reply):
		return settled
	case reply.Prefix == "MOVED":
		return elsewhere
	case passing[reply.Prefix], strings.HasPrefix(reply.Text, "ERR max number of clients"):
		return again
	case OutcomeOf(reply) == katakv.OutcomeUnknown:
		return doubtful
	}
	return settled
}

// answered notes what an attempt was answered, and returns what follows.
func (k *call) answered(value Value, err error, set *settings) verdict {
	k.attempts++
	v := judge(err)
	if v == settled && err == nil && set.prefixed(k.writes) && k.data {
		if value, err = k.unwrap(value); err != nil {
			k.doubt = k.writes
		}
	}
	switch {
	case v == settled:
		k.finish(value, err)
	case v == doubtful && k.writes && !k.repeatable():
		k.doubt = true
		k.fail(err, nil)
		return settled
	case v == doubtful:
		k.doubt = k.doubt || k.writes
	}
	k.last = err
	var conn *ConnError
	if errors.As(err, &conn) && conn.Timeout() {
		k.timeouts++
	}
	return v
}

// finish ends the call by its final answer.
func (k *call) finish(value Value, err error) {
	k.done, k.value = true, value
	if err != nil {
		k.doubt = k.doubt && !remembered(err)
		k.fail(err, nil)
	}
}

// remembered reports whether an error is one by which a command was executed. It is then the answer to all attempts with
// the same request id, so that none of them took effect. A refusal beforehand says nothing of those before it.
func remembered(err error) bool {
	var reply *ReplyError
	return errors.As(err, &reply) && (reply.Prefix == "ERR" || reply.Prefix == "WRONGTYPE")
}

// fail ends the call without an answer. ended is why there was no further attempt, if there could have been.
func (k *call) fail(err, ended error) {
	outcome := katakv.OutcomeNotApplied
	if k.doubt {
		outcome = katakv.OutcomeUnknown
	}
	k.done = true
	k.err = &Error{
		Command: k.name(), Key: string(k.key), Outcome: outcome, Attempts: k.attempts, RequestID: k.id, Err: err, Ended: ended,
	}
}

// name is the command in upper case, "CLUSTER INFO".
func (k *call) name() string {
	name := string(k.args[0])
	if len(k.args) > 1 && (strings.EqualFold(name, "kata") || strings.EqualFold(name, "cluster")) {
		name += " " + string(k.args[1])
	}
	return strings.ToUpper(name)
}

// frame appends what is sent: the command behind KATA WITH and KATA ONCE, as far as they are needed.
func (k *call) frame(dst [][]byte, set *settings, token []byte) [][]byte {
	if k.data && set.prefixed(k.writes) {
		consistency := "default"
		if set.chosen && !k.writes {
			consistency = set.read.String()
		}
		dst = append(dst, []byte("KATA"), []byte("WITH"), []byte(consistency), token)
	}
	if k.id != "" {
		dst = append(dst, []byte("KATA"), []byte("ONCE"), []byte(k.id))
	}
	return append(dst, k.args...)
}

// unwrap takes an answer to KATA WITH apart, notes how it was answered, and returns the command's own.
func (k *call) unwrap(answer Value) (Value, error) {
	if len(answer.Elems) != 3 {
		return Value{}, fmt.Errorf("to KATA WITH: %w", unexpected(answer))
	}
	for _, row := range answer.Elems[1].Elems {
		k.served = append(k.served, newServed(row))
	}
	k.epoch = katakv.Epoch(answer.Elems[2].Int)
	return answer.Elems[0], nil
}

// newServed reads a row of KATA LAST: names and values in turn. Names that are not known are left out.
func newServed(row Value) katakv.Served {
	served := katakv.Served{Age: katakv.UnknownAge}
	for i := 0; i+1 < len(row.Elems); i += 2 {
		value := row.Elems[i+1]
		switch row.Elems[i].Text() {
		case "shard":
			served.Shard = katakv.ShardID(value.Int)
		case "index":
			served.Index = katakv.Index(value.Int)
		case "node":
			served.Node = katakv.NodeID(value.Int)
		case "level":
			for l := katakv.LevelStrong; l.Valid(); l++ {
				if l.String() == value.Text() {
					served.Level = l
				}
			}
		case "age-ms":
			if value.Int >= 0 {
				served.Age = time.Duration(value.Int) * time.Millisecond
			}
		}
	}
	return served
}
