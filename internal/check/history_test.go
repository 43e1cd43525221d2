package check_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

var kinds = map[string]check.Kind{
	"GET": check.Get, "MGET": check.MGet, "EXISTS": check.Exists, "STRLEN": check.Strlen, "SET": check.Set,
	"SETNX": check.SetNX, "MSET": check.MSet, "DEL": check.Del, "INCRBY": check.IncrBy, "APPEND": check.Append,
	"CAS": check.CompareAndSet,
}

var options = map[string]check.SetOptions{"NX": check.IfAbsent, "XX": check.IfPresent, "GET": check.WithGet}

// parse reads a history, one operation a line, with times in milliseconds: `1 0..5 SET k v NX -> OK` is one of
// client 1. What follows the arrow is a reply, `?` for an unknown outcome, or `refused`. Behind a `@` may follow what was
// said of the answer: `@ 12 bounded age5 s3` is index 12 of shard 1, level bounded, 5 ms old, in session 3.
func parse(t testing.TB, text string) check.History {
	t.Helper()
	var h check.History
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		op, err := parseOperation(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		h = append(h, op)
	}
	return h
}

func parseOperation(line string) (check.Operation, error) {
	var op check.Operation
	line, said, _ := strings.Cut(line, " @ ")
	parseServed(&op, strings.Fields(said))
	deed, result, _ := strings.Cut(line, " -> ")
	words := strings.Fields(deed)
	var call, end int
	if _, err := fmt.Sscanf(words[0]+" "+words[1], "%d %d..%d", &op.Client, &call, &end); err != nil {
		return op, err
	}
	op.Call, op.Return = time.Duration(call)*time.Millisecond, time.Duration(end)*time.Millisecond
	op.Kind = kinds[words[2]]
	args := words[3:]
	switch op.Kind {
	case check.MGet, check.Exists, check.Del:
		op.Keys = args
	case check.MSet:
		for pair := range slices.Chunk(args, 2) {
			op.Keys, op.Values = append(op.Keys, pair[0]), append(op.Values, pair[1])
		}
	case check.IncrBy:
		op.Keys = args[:1]
		op.Delta, _ = strconv.ParseInt(args[1], 10, 64)
	case check.Get, check.Strlen:
		op.Keys = args[:1]
	case check.CompareAndSet:
		op.Keys, op.Values = args[:1], args[1:3]
	default:
		op.Keys, op.Values = args[:1], args[1:2]
		for _, word := range args[2:] {
			op.Options |= options[word]
		}
	}
	switch result {
	case "?":
		op.Outcome, op.Return = katakv.OutcomeUnknown, check.Never
	case "refused":
		op.Outcome = katakv.OutcomeNotApplied
	default:
		op.Outcome, op.Reply = katakv.OutcomeApplied, parseReply(op.Kind, op.Options, result)
	}
	return op, nil
}

func parseServed(op *check.Operation, words []string) {
	if len(words) > 0 {
		op.Served = katakv.Served{Shard: 1, Node: 1, Age: katakv.UnknownAge}
	}
	for _, word := range words {
		var n int
		if _, err := fmt.Sscanf(word, "age%d", &n); err == nil {
			op.Served.Age = time.Duration(n) * time.Millisecond
		} else if _, err := fmt.Sscanf(word, "s%d", &n); err == nil {
			op.Session = n
		} else if _, err := fmt.Sscanf(word, "%d", &n); err == nil {
			op.Served.Index = katakv.Index(n)
		}
		for level := katakv.LevelStrong; level.Valid(); level++ {
			if word == level.String() {
				op.Served.Level, op.Asked.Level = level, level
			}
		}
	}
}

func parseReply(kind check.Kind, options check.SetOptions, text string) check.Reply {
	n, err := strconv.ParseInt(text, 10, 64)
	isBulk := kind == check.Get || kind == check.Set && options&check.WithGet != 0
	switch {
	case text == "nil":
		return check.Reply{Kind: check.Nil}
	case strings.HasPrefix(text, "error"):
		return check.Reply{Kind: check.ReplyError, Error: strings.TrimPrefix(text, "error ")}
	case kind == check.MGet:
		reply := check.Reply{Kind: check.Array}
		for _, word := range strings.Fields(text) {
			reply.Array = append(reply.Array, parseReply(check.Get, 0, word))
		}
		return reply
	case text == "OK" && !isBulk:
		return check.Reply{Kind: check.OK}
	case isBulk || err != nil:
		return check.Reply{Kind: check.Bulk, Bulk: text}
	default:
		return check.Reply{Kind: check.Int, Int: n}
	}
}

// wantError fails the test unless err is nil, where no part is given, or a message that has all parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if (err != nil) != (len(parts) > 0) {
		t.Fatalf("got %v, want an error with %q", err, parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want it to have %q", err, part)
		}
	}
}

func TestOperationIsReadable(t *testing.T) {
	for _, line := range []string{
		`c1 0s..5ms SET "k" "v" NX GET -> nil`,
		`c2 1ms.. MSET "a" "1" "b" "2" -> ?`,
		`c3 1ms..2ms INCRBY "a" 3 -> not applied`,
		`c4 1ms..2ms CAS "a" "1" "2" -> 1`,
	} {
		plain := strings.NewReplacer(`"`, "", "c", "", "0s", "0", "ms", "", ".. ", "..0 ", "not applied", "refused").Replace(line)
		op, err := parseOperation(plain)
		if err != nil || op.String() != line {
			t.Errorf("%s: got %q, %v, want %q", plain, op.String(), err, line)
		}
	}
}
