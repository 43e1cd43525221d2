package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/katakv/katakv"
)

// The two outcomes of a command that failed. Every error of a [Client]'s commands is one of them, as errors.Is tells.
var (
	// ErrNotApplied says that the command changed nothing and will not. Reads that fail are of this kind.
	ErrNotApplied = errors.New("not applied")

	// ErrUnknown says that the command may have taken effect, or may do so later. With a request id, which writes have
	// unless they were told otherwise, it means that time ran out; the same command under the same [RequestID] can still
	// be sent for a while.
	ErrUnknown = errors.New("outcome unknown")
)

// Error is how a command of a [Client] failed.
type Error struct {
	// Command is its name, "INCR", and Key its first key; of several they are joined into one error.
	Command string
	Key     string
	// Outcome is what became of it: OutcomeNotApplied or OutcomeUnknown.
	Outcome katakv.Outcome
	// Attempts is how often it was sent, or tried to.
	Attempts int
	// RequestID is the id under which a write was sent, if it was.
	RequestID string
	// Err is what the last attempt met: a [*ReplyError], a [*ConnError] or an [*ArgumentError]; nil if there was none.
	Err error
	// Ended is why there was no further attempt, where one could have helped: the end of the context, [ErrClosed], or that
	// too much time had passed. Nil for an error that no attempt can mend.
	Ended error
}

// Error tells all of it: `INCR "hits": outcome unknown after 3 attempts: context deadline exceeded; last: ...`.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Command)
	if e.Key != "" {
		fmt.Fprintf(&b, " %q", shorten(e.Key))
	}
	outcome := ErrNotApplied
	if e.Outcome == katakv.OutcomeUnknown {
		outcome = ErrUnknown
	}
	fmt.Fprintf(&b, ": %v", outcome)
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " after %d attempts", e.Attempts)
	}
	if e.Ended != nil {
		fmt.Fprintf(&b, ": %v", e.Ended)
	}
	switch {
	case e.Err != nil && e.Ended != nil:
		fmt.Fprintf(&b, "; last: %v", e.Err)
	case e.Err != nil:
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// shorten keeps keys in messages short.
func shorten(key string) string {
	const shown = 64
	if len(key) <= shown {
		return key
	}
	return key[:shown] + "..."
}

// Is tells the outcome: errors.Is(err, ErrUnknown).
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotApplied:
		return e.Outcome == katakv.OutcomeNotApplied
	case ErrUnknown:
		return e.Outcome == katakv.OutcomeUnknown
	}
	return false
}

// Unwrap returns the causes.
func (e *Error) Unwrap() []error {
	var causes []error
	for _, err := range []error{e.Ended, e.Err} {
		if err != nil {
			causes = append(causes, err)
		}
	}
	return causes
}

// refused is the error of a command that was not even sent.
func refused(command string, err error) *Error {
	return &Error{Command: command, Outcome: katakv.OutcomeNotApplied, Err: err}
}

// outcomeOfAll sums up calls that were parts of one command, or stood in one batch: nil if none failed. Where some took
// effect and others did not, the outcome of the whole is unknown.
func outcomeOfAll(calls []*call) error {
	var first *Error
	failed, unknown, writes := 0, false, false
	for _, k := range calls {
		writes = writes || k.writes && k.err == nil
		var err *Error
		if !errors.As(k.err, &err) {
			continue
		}
		failed++
		unknown = unknown || err.Outcome == katakv.OutcomeUnknown
		if first == nil {
			first = err
		}
	}
	if first == nil || len(calls) == 1 {
		return calls[0].err
	}
	sum := *first
	sum.Outcome = katakv.OutcomeNotApplied
	if unknown || writes {
		sum.Outcome = katakv.OutcomeUnknown
	}
	sum.Err = fmt.Errorf("%d of %d parts failed, the first one: %w", failed, len(calls), first)
	sum.Ended = nil
	return &sum
}
