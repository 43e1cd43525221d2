package command_test

import (
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

func TestParseOnce(t *testing.T) {
	long := strings.Repeat("i", katakv.MaxRequestIDBytes+1)
	tests := []struct {
		line string
		kind command.Kind
		keys int
		id   string // "" for a read
		err  string
	}{
		{line: "KATA ONCE id-1 INCR n", kind: command.KindIncrBy, keys: 1, id: "id-1"},
		{line: "kata once id-1 mset a 1 b 2", kind: command.KindMSet, keys: 2, id: "id-1"},
		{line: "KATA ONCE id-1 GET k", kind: command.KindGet, keys: 1},
		{line: "KATA ONCE id-1 INCR", err: "ERR wrong number of arguments for 'kata|once' command"},
		{line: "KATA ONCE id-1 SET k", err: "ERR wrong number of arguments for 'set' command"},
		{line: "KATA ONCE id-1 NONSENSE k", err: "ERR unknown command 'NONSENSE', with args beginning with: 'k' "},
		{line: "KATA ONCE id-1 PING x", err: "ERR KATA ONCE takes a command on keys, not 'PING'"},
		{line: "KATA ONCE id-1 CLUSTER COUNTKEYSINSLOT 1", err: "ERR KATA ONCE takes a command on keys, not 'CLUSTER'"},
		{line: "KATA ONCE id-1 KATA ONCE id-2 INCR n", err: "ERR KATA ONCE takes a command on keys, not 'KATA'"},
		{line: "KATA ONCE " + long + " INCR n", err: "ERR request id of 129 bytes: it must have 1 to 128"},
	}
	for _, tt := range tests {
		args := split(tt.line)
		spec, err := command.Resolve(args)
		var op command.Operation
		if err == nil {
			op, err = spec.Parse(args)
		}
		if got := errorText(err); got != tt.err {
			t.Errorf("%q: got error %q, want %q", tt.line, got, tt.err)
		}
		if err != nil {
			continue
		}
		id := ""
		if op.Once != nil {
			id = string(op.Once.ID)
		}
		if op.Kind != tt.kind || id != tt.id || len(op.Keys) != tt.keys || len(spec.Keys(args)) != tt.keys {
			t.Errorf("%q: got kind %d, id %q, keys %q, by the table %q", tt.line, op.Kind, id, op.Keys, spec.Keys(args))
		}
		if checked := op.Check(); checked != nil {
			t.Errorf("%q: %v", tt.line, checked)
		}
	}
	if (&command.Operation{Kind: command.KindSet}).WithID(nil) == nil {
		t.Error("an empty request id: no error")
	}
}

// What cannot be remembered by its keys' slot has no request id, and nothing beyond the limits is decoded.
func TestOnceIsChecked(t *testing.T) {
	once := func(id string, retention time.Duration) *command.Once {
		return &command.Once{ID: []byte(id), Retention: retention}
	}
	for name, op := range map[string]command.Operation{
		"read":      {Kind: command.KindGet, Keys: list("k"), Once: once("id", 0)},
		"no keys":   {Kind: command.KindMapChange, Values: list("{}"), Once: once("id", 0)},
		"no id":     {Kind: command.KindIncrBy, Keys: list("k"), Once: once("", 0)},
		"long id":   {Kind: command.KindIncrBy, Keys: list("k"), Once: once(strings.Repeat("i", 129), 0)},
		"retention": {Kind: command.KindIncrBy, Keys: list("k"), Once: once("id", katakv.MaxRequestRetention+time.Millisecond)},
	} {
		if op.Check() == nil {
			t.Errorf("%s: Check accepts it", name)
		}
		if _, _, err := command.DecodeOperation(command.AppendOperation(nil, &op)); err == nil {
			t.Errorf("%s: it was decoded", name)
		}
	}
}

func TestOneSlot(t *testing.T) {
	same := command.Operation{Keys: list("{a}1", "{a}2")}
	other := command.Operation{Keys: list("a", "b")}
	if !same.OneSlot() || other.OneSlot() {
		t.Errorf("got %v, %v; want true, false", same.OneSlot(), other.OneSlot())
	}
}
