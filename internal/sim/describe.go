package sim

import (
	"fmt"
	"strings"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

var kindNames = map[check.Kind]string{
	check.Get: "GET", check.MGet: "MGET", check.Exists: "EXISTS", check.Strlen: "STRLEN", check.Set: "SET",
	check.SetNX: "SETNX", check.MSet: "MSET", check.Del: "DEL", check.IncrBy: "INCRBY", check.Append: "APPEND",
}

// describe tells an operation in one line.
func describe(op *check.Operation) string {
	text := fmt.Sprintf("%s %s %s since %v: ", kindNames[op.Kind], strings.Join(op.Keys, " "), clip(strings.Join(op.Values, " ")), op.Call)
	switch op.Outcome {
	case katakv.OutcomeApplied:
		return text + clip(fmt.Sprintf("%+v", op.Reply))
	case katakv.OutcomeUnknown:
		return text + "unknown"
	default:
		return text + "not applied"
	}
}

// clip keeps lines short.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
