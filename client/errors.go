package client

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/katakv/katakv"
)

// ErrClosed is the cause of errors after [Conn.Close] and [Client.Close].
var ErrClosed = errors.New("closed by the caller")

// ErrNothingPending is returned by Receive when no reply is awaited.
var ErrNothingPending = errors.New("receive without a command that was sent")

// ReplyError is an error that the server answered. The connection is sound.
type ReplyError struct {
	// Prefix is the first word, which says what kind of error it is: "MOVED".
	Prefix string
	// Text is the whole error: "MOVED 3999 127.0.0.1:6381".
	Text string
}

func newReplyError(text string) *ReplyError {
	prefix, _, _ := strings.Cut(text, " ")
	return &ReplyError{Prefix: prefix, Text: text}
}

// Error returns the text.
func (e *ReplyError) Error() string { return e.Text }

// Moved returns the slot and the address of a MOVED redirect. ok is false for every other error, and for a
// redirect that names no host, which means the host that answered.
func (e *ReplyError) Moved() (slot katakv.Slot, addr string, ok bool) {
	fields := strings.Fields(e.Text)
	if e.Prefix != "MOVED" || len(fields) != 3 {
		return 0, "", false
	}
	number, err := strconv.ParseUint(fields[1], 10, 16)
	if err != nil || number >= katakv.SlotCount {
		return 0, "", false
	}
	// Redis writes an IPv6 host without brackets.
	colon := strings.LastIndexByte(fields[2], ':')
	if colon <= 0 {
		return 0, "", false
	}
	host := strings.Trim(fields[2][:colon], "[]")
	return katakv.Slot(number), net.JoinHostPort(host, fields[2][colon+1:]), true
}

// ConnError says that a connection could not be made, or why it is closed.
type ConnError struct {
	// Addr is the address that was dialled.
	Addr string
	// Doing is what was being attempted: "dial", "send", "receive", "close".
	Doing string
	// Unsent is true when no byte of the commands that this call was to send has left: they surely did not
	// happen. It is false as soon as one may have been received.
	Unsent bool
	// Err is the cause: a time limit, a broken connection, a protocol error.
	Err error
}

// Error names the address and the cause.
func (e *ConnError) Error() string { return fmt.Sprintf("%s %s: %v", e.Doing, e.Addr, e.Err) }

// Unwrap returns the cause.
func (e *ConnError) Unwrap() error { return e.Err }

// Timeout reports whether a time limit ended the connection.
func (e *ConnError) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.As(e.Err, &timeout) && timeout.Timeout()
}

// ArgumentError says that an argument of a command has a type that cannot be sent. Nothing was sent.
type ArgumentError struct {
	// Index is the argument's place, 0 being the command's name; -1 when there is none at all.
	Index int
	Value any
}

// Error names the argument.
func (e *ArgumentError) Error() string {
	if e.Index < 0 {
		return "a command needs at least its name"
	}
	return fmt.Sprintf("argument %d is a %T: send a string, []byte, integer or float", e.Index, e.Value)
}

// Is makes errors.Is find the code of a refusal: errors.Is(err, &katakv.Error{Code: katakv.CodeWrongType}). Codes that
// share the prefix "ERR" are not told apart, so none of them is found.
func (e *ReplyError) Is(target error) bool {
	t, ok := target.(*katakv.Error)
	return ok && t.Prefix() == e.Prefix && e.Prefix != "ERR"
}

// notApplied are the prefixes that a server uses only for operations that surely did not happen.
var notApplied = map[string]bool{
	"ERR": true, "MOVED": true, "ASK": true, "TRYAGAIN": true, "CLUSTERDOWN": true, "LOADING": true, "CROSSSLOT": true,
	"WRONGTYPE": true, "MISCONF": true, "NOAUTH": true, "NOPERM": true, "WRONGPASS": true, "READONLY": true,
	"MASTERDOWN": true, "OOM": true, "BUSY": true, "NOPROTO": true,
}

// OutcomeOf tells whether the write that met err took effect: applied for nil, not applied when that is sure,
// else unknown. For a pipeline it speaks of the command whose reply err was.
func OutcomeOf(err error) katakv.Outcome {
	var call *Error
	var reply *ReplyError
	var conn *ConnError
	var argument *ArgumentError
	switch {
	case err == nil:
		return katakv.OutcomeApplied
	case errors.As(err, &call):
		return call.Outcome
	case errors.As(err, &argument):
		return katakv.OutcomeNotApplied
	case errors.As(err, &reply) && notApplied[reply.Prefix]:
		return katakv.OutcomeNotApplied
	case errors.As(err, &conn) && conn.Unsent:
		return katakv.OutcomeNotApplied
	}
	return katakv.OutcomeUnknown
}
