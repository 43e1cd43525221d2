package check

import (
	"fmt"
	"strings"

	"github.com/katakv/katakv"
)

var kindNames = [...]string{
	Get: "GET", MGet: "MGET", Exists: "EXISTS", Strlen: "STRLEN", Set: "SET", SetNX: "SETNX", MSet: "MSET", Del: "DEL",
	IncrBy: "INCRBY", Append: "APPEND", CompareAndSet: "CAS",
}

// String returns the name of the Redis command.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// String returns the operation on one line: `c3 1.2s..1.25s SET "k" "v" NX -> OK`.
func (op *Operation) String() string {
	var line strings.Builder
	fmt.Fprintf(&line, "c%d %v..", op.Client, op.Call)
	if op.Return != Never {
		fmt.Fprintf(&line, "%v", op.Return)
	}
	fmt.Fprintf(&line, " %v", op.Kind)
	for i, key := range op.Keys {
		fmt.Fprintf(&line, " %q", key)
		if i < len(op.Values) {
			fmt.Fprintf(&line, " %s", shorten(op.Values[i]))
		}
	}
	switch op.Kind {
	case IncrBy:
		fmt.Fprintf(&line, " %d", op.Delta)
	case CompareAndSet:
		fmt.Fprintf(&line, " %s", shorten(op.Values[1]))
	}
	for i, name := range []string{"NX", "XX", "GET"} {
		if op.Options&(1<<i) != 0 {
			line.WriteString(" " + name)
		}
	}
	switch op.Outcome {
	case katakv.OutcomeApplied:
		fmt.Fprintf(&line, " -> %v", op.Reply)
	case katakv.OutcomeUnknown:
		line.WriteString(" -> ?")
	default:
		line.WriteString(" -> not applied")
	}
	if op.Served.Index != 0 {
		fmt.Fprintf(&line, " by %v at %v/%d, %v", op.Served.Node, op.Served.Shard, op.Served.Index, op.Served.Level)
		if op.Served.Level != katakv.LevelStrong {
			fmt.Fprintf(&line, ", age %v", op.Served.Age)
		}
	}
	return line.String()
}

// String returns the reply as redis-cli would show it, on one line.
func (r Reply) String() string {
	switch r.Kind {
	case Nil:
		return "nil"
	case OK:
		return "OK"
	case Int:
		return fmt.Sprint(r.Int)
	case Bulk:
		return shorten(r.Bulk)
	case Array:
		return fmt.Sprint(r.Array)
	default:
		return "error " + r.Error
	}
}

// String returns what the keys hold.
func (s *state) String() string {
	var line strings.Builder
	for i, v := range s.values {
		fmt.Fprintf(&line, "%s%q: %v", strings.Repeat(", ", min(i, 1)), s.home.keys[i], bulk(v))
	}
	return line.String()
}

// shorten quotes a value and, if it is long, keeps its beginning and its end: there lies the difference as a rule.
func shorten(text string) string {
	const most = 64
	if len(text) <= most {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q...%q (%d bytes)", text[:most/4], text[len(text)-most/2:], len(text))
}
