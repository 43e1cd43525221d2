package resp

import (
	"errors"
	"fmt"
)

// ErrIncomplete says that the bytes so far end within a command or reply, or exactly after one. Nothing is
// wrong: read more and call Next again.
var ErrIncomplete = errors.New("incomplete: more bytes are needed")

// ProtocolError says that the bytes are not RESP, or exceed a limit beyond repair. What follows in the stream
// cannot be told apart any more: answer the error and close the connection.
type ProtocolError struct {
	// Message is in the words of Redis, such as "invalid bulk length".
	Message string
}

// Error returns "Protocol error: invalid bulk length". Redis sends it with the prefix "ERR".
func (e *ProtocolError) Error() string { return "Protocol error: " + e.Message }

func protocolErrorf(format string, args ...any) *ProtocolError {
	return &ProtocolError{Message: fmt.Sprintf(format, args...)}
}

// unexpected is the error for a byte other than the one that must stand here.
func unexpected(want, got byte) *ProtocolError {
	if got < ' ' || got > '~' {
		return protocolErrorf(`expected '%c', got '\x%02x'`, want, got)
	}
	return protocolErrorf("expected '%c', got '%c'", want, got)
}

// ForeignError says that the peer speaks another protocol: a browser, a health check, a client that expects
// TLS. Nothing that it sent was taken as a command. Answer the error and close the connection: a web page may be
// using the browser to smuggle commands into a request's body.
type ForeignError struct {
	// Protocol is "HTTP" or "TLS".
	Protocol string
}

// Error says what came and what was expected.
func (e *ForeignError) Error() string {
	return "this port speaks the Redis protocol, not " + e.Protocol
}

// TooLargeError says that a command was over a limit of size and has been discarded whole. The connection is
// sound: answer the error and go on with the next command.
type TooLargeError struct {
	// Arg is the position of the first argument over its limit, 0 being the command's name; -1 when only the
	// command as a whole is over its limit.
	Arg int
	// Bytes is the size of that argument, or of all arguments together.
	Bytes int
	// LimitBytes is the limit that was exceeded.
	LimitBytes int
}

// Error names the size and the limit.
func (e *TooLargeError) Error() string {
	if e.Arg < 0 {
		return fmt.Sprintf("the command has %d bytes, more than the limit of %d", e.Bytes, e.LimitBytes)
	}
	return fmt.Sprintf("argument %d has %d bytes, more than the limit of %d", e.Arg, e.Bytes, e.LimitBytes)
}
