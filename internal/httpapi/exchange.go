package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/session"
)

// Headers of KataKV's own. What they say is what KATA CONSISTENCY, KATA SESSION and KATA LAST say on a Redis port.
const (
	// headerConsistency of a request is how fresh its reads must be.
	headerConsistency = "Kata-Consistency"
	// headerSession carries the session's token, in both directions.
	headerSession = "Kata-Session"

	// The answer's: which shard took part, which index of its log the answer reflects, who made it, the level that it
	// keeps to, and a bound on its age.
	headerShard = "Kata-Shard"
	headerIndex = "Kata-Index"
	headerNode  = "Kata-Node"
	headerLevel = "Kata-Level"
	headerAge   = "Kata-Age-Ms"
)

// unknownAge stands where nothing is known of an age: no number, so that nobody takes it for a small one.
const unknownAge = "unknown"

// exchange is one request and the answer to it.
type exchange struct {
	api      *API
	w        http.ResponseWriter
	r        *http.Request
	topology *router.Topology // with a map
	// read is what the reads ask for.
	read katakv.Consistency
	// session is what the client has written and seen, this exchange included.
	session session.Session
	// journey is told what becomes of the operation; nil: nobody wants to know.
	journey *journey.Journey
}

// begin reads what requests of all kinds may say.
func (a *API) begin(w http.ResponseWriter, r *http.Request) (*exchange, *Problem) {
	x := &exchange{api: a, w: w, r: r, topology: a.config.Backend.Topology()}
	if x.topology.Map == nil {
		return nil, refuse(katakv.Errorf(katakv.CodeLoading, "this node is not part of a cluster yet: run katakv cluster create"))
	}
	var err *katakv.Error
	if x.read, err = consistencyOf(r, x.topology.Map.Settings.Consistency); err != nil {
		return nil, refuse(err)
	}
	if x.journey, err = journeyOf(r.Header); err != nil {
		return nil, refuse(err)
	}
	switch tokens := r.Header.Values(headerSession); len(tokens) {
	case 0: // a session begins
	case 1:
		given, err := session.Parse([]byte(tokens[0]), x.topology.Map.Cluster)
		if err != nil {
			return nil, refuse(err)
		}
		x.session = *given
	default:
		return nil, refuse(katakv.Errorf(katakv.CodeInvalid,
			"%s is given %d times: send the last token, which holds what those before it held", headerSession, len(tokens)))
	}
	return x, nil
}

// execute runs one operation.
func (x *exchange) execute(op command.Operation) *router.Call {
	calls := []router.Call{{Operation: op}}
	select {
	case <-x.api.stopped:
		calls[0].Reply = command.ErrorReply(errStopping)
	default:
		x.api.config.Backend.Run(x.r.Context(), router.Batch{
			Mode: router.Forward, Calls: calls, Read: x.read, Session: &x.session, Journey: x.journey,
		})
	}
	return &calls[0]
}

// answer is execute of the one operation of a request, whose headers tell how it was answered.
func (x *exchange) answer(op command.Operation) *command.Reply {
	call := x.execute(op)
	h := x.w.Header()
	h.Set(headerSession, x.token())
	tellJourney(h, x.journey.Report())
	if served := &call.Served; served.Index != 0 {
		h.Set(headerShard, strconv.FormatUint(uint64(served.Shard), 10))
		h.Set(headerIndex, strconv.FormatUint(uint64(served.Index), 10))
		h.Set(headerNode, strconv.FormatUint(uint64(served.Node), 10))
		h.Set(headerLevel, served.Level.String())
		age := unknownAge
		if served.Age != katakv.UnknownAge {
			age = strconv.FormatInt(ageMilliseconds(served.Age), 10)
		}
		h.Set(headerAge, age)
	}
	return &call.Reply
}

// token returns the session as the client is to send it next.
func (x *exchange) token() string {
	x.session.SeeEpoch(x.topology.Map.Epoch)
	return x.session.Token(x.topology.Map.Cluster)
}

// ageMilliseconds rounds up, because an age is a bound.
func ageMilliseconds(age time.Duration) int64 {
	return int64((age + time.Millisecond - 1) / time.Millisecond)
}
