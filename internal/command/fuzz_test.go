package command_test

import (
	"bytes"
	"testing"

	"github.com/katakv/katakv/internal/command"
)

// FuzzResolve takes any arguments for a command. What parses is well formed, has the keys that the table says, and
// comes back from the log as it was.
func FuzzResolve(f *testing.F) {
	for _, line := range []string{
		"GET k", "set k v NX GET", "SET k v EX 10", "MSET a 1 b 2", "mset a", "INCRBY n -5", "DECRBY n -9223372036854775808",
		"DEL a b c", "CLUSTER COUNTKEYSINSLOT 16383", "cluster countkeysinslot 99999", "APPEND k v", "nonsense a b", "CONFIG",
		"EXISTS a a", "STRLEN k", "SETNX k v", "MGET a b", "DECR n", "GETSET k v", "EVAL x 1 a",
		"KATA ONCE id INCR n", "kata once id MSET a 1 b 2", "KATA ONCE id GET k", "KATA ONCE id KATA ONCE id INCR n", "KATA ONCE id PING",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		args := bytes.Split(line, []byte(" "))
		spec, refusal := command.Resolve(args)
		if refusal != nil {
			if refusal.Message == "" || bytes.ContainsAny([]byte(refusal.Message), "\r\n") {
				t.Fatalf("refused with %q", refusal.Message)
			}
			return
		}
		keys := spec.Keys(args)
		if spec.Parse == nil {
			return
		}
		op, refusal := spec.Parse(args)
		if refusal != nil {
			return
		}
		if err := op.Check(); err != nil {
			return // a limit, which the router checks
		}
		if len(keys) != len(op.Keys) {
			t.Fatalf("%d keys, the table says %d", len(op.Keys), len(keys))
		}
		for i := range keys {
			if !bytes.Equal(keys[i], op.Keys[i]) {
				t.Fatalf("key %d: got %q, the table says %q", i, op.Keys[i], keys[i])
			}
		}
		again, rest, err := command.DecodeOperation(command.AppendOperation(nil, &op))
		if err != nil || len(rest) > 0 || !sameOperation(&again, &op) {
			t.Fatalf("got %+v, %d bytes left, %v; want %+v", again, len(rest), err, op)
		}
	})
}
