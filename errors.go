package katakv

import "fmt"

// Code says what kind of error a client met. Each code has one Redis prefix and one HTTP status.
type Code uint8

// The codes. The comment says when each is used and what it tells about the effect.
const (
	// CodeInternal is a failure of the node itself; the outcome says whether the write happened.
	CodeInternal Code = iota
	// CodeInvalid is a malformed command or argument. Not applied.
	CodeInvalid
	// CodeWrongType is a value of another type than the command needs. Not applied.
	CodeWrongType
	// CodeTooLarge is a key, value or command over its limit. Not applied.
	CodeTooLarge
	// CodeUnsupported is a command or option that KataKV does not have (yet). Not applied.
	CodeUnsupported
	// CodeCrossSlot is a command whose keys are in different slots, on the cluster port. Not applied.
	CodeCrossSlot
	// CodeMoved tells a cluster client which node owns the slot. Not applied.
	CodeMoved
	// CodeNotLeader is internal between nodes: the replica asked does not lead the shard. Not applied.
	CodeNotLeader
	// CodeTryAgain is a refusal that will pass by itself: a queue is full. Not applied.
	CodeTryAgain
	// CodeClusterDown means that the shard has no leader that can reach a majority. Not applied.
	CodeClusterDown
	// CodeLoading means that the node is starting, or waits to be made part of a cluster. Not applied.
	CodeLoading
	// CodeUnknown means that the write may or may not have been applied, now or later. Clients must not
	// retry it blindly.
	CodeUnknown
	// CodeReadOnly means that the node refuses writes, for example because its disk is nearly full.
	// Not applied.
	CodeReadOnly
	// CodeAuth is a failed or missing authentication. Not applied.
	CodeAuth
	// CodeNoRoom is internal to a node: a read was not done because the replies before it are large. It has no
	// effect and is done again.
	CodeNoRoom
	// CodeReused is a request id that was used for another command. Not applied.
	CodeReused
	codeCount
)

// Outcome is what an error says about the effect of a write.
type Outcome uint8

// The three outcomes.
const (
	OutcomeNotApplied Outcome = iota
	OutcomeApplied
	OutcomeUnknown
)

// codes is the one table of prefixes and statuses.
var codes = [codeCount]struct {
	name   string
	prefix string
	status int
}{
	CodeInternal:    {"internal", "INTERNAL", 500},
	CodeInvalid:     {"invalid", "ERR", 400},
	CodeWrongType:   {"wrong-type", "WRONGTYPE", 409},
	CodeTooLarge:    {"too-large", "ERR", 413},
	CodeUnsupported: {"unsupported", "ERR", 501},
	CodeCrossSlot:   {"cross-slot", "CROSSSLOT", 400},
	CodeMoved:       {"moved", "MOVED", 307},
	CodeNotLeader:   {"not-leader", "CLUSTERDOWN", 503},
	CodeTryAgain:    {"try-again", "TRYAGAIN", 503},
	CodeClusterDown: {"cluster-down", "CLUSTERDOWN", 503},
	CodeLoading:     {"loading", "LOADING", 503},
	CodeUnknown:     {"unknown", "UNKNOWN", 504},
	CodeReadOnly:    {"read-only", "MISCONF", 507},
	CodeAuth:        {"auth", "NOAUTH", 401},
	CodeNoRoom:      {"no-room", "TRYAGAIN", 503},
	CodeReused:      {"reused", "ERR", 422},
}

// String returns the code's name, such as "too-large".
func (c Code) String() string {
	if c < codeCount {
		return codes[c].name
	}
	return fmt.Sprintf("code-%d", uint8(c))
}

// Valid reports whether c is one of the codes above; codes arrive from other nodes.
func (c Code) Valid() bool { return c < codeCount }

// Outcome tells whether an operation that met this code may have taken effect.
func (c Code) Outcome() Outcome {
	if c == CodeUnknown || c == CodeInternal {
		return OutcomeUnknown
	}
	return OutcomeNotApplied
}

// Error is an error that a client sees. Values are immutable once made.
type Error struct {
	Code Code
	// Message is one sentence that ends with what to do next, without a prefix or period.
	Message string
	// Slot is set with CodeMoved.
	Slot Slot
	// Leader is the node to ask instead, with CodeMoved and CodeNotLeader; zero when it is not known.
	Leader NodeID
}

// Errorf builds an Error with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns the Redis prefix and the message: "CLUSTERDOWN the shard has no leader".
func (e *Error) Error() string { return e.Prefix() + " " + e.Message }

// Is makes errors.Is compare codes: errors.Is(err, &katakv.Error{Code: katakv.CodeMoved}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Prefix returns the first word of the Redis error reply.
func (e *Error) Prefix() string { return codes[e.Code].prefix }

// Status returns the HTTP status.
func (e *Error) Status() int { return codes[e.Code].status }
