package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/katakv/katakv"
)

// Problem is a failure, and the body that tells it.
type Problem struct {
	Status int `json:"-"`
	// Code is one word for programs: that of a katakv.Code, or one of HTTP's own.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Outcome says what became of a write: "not-applied" or "unknown". A request that only reads applies nothing.
	Outcome string `json:"outcome"`
	// Revision is that of the record which the condition did not fit, if there is one.
	Revision string `json:"revision,omitempty"`
}

// Codes that only HTTP has.
const (
	codeNotFound        = "not-found"
	codeConditionFailed = "condition-failed"
	codeMethod          = "method"
	codeTimeout         = "timeout"
)

const (
	notApplied = "not-applied"
	unknown    = "unknown"
)

// NewProblem returns a failure before which nothing was applied.
func NewProblem(status int, code, message string) *Problem {
	return &Problem{Status: status, Code: code, Message: message, Outcome: notApplied}
}

// refuse tells an error before which nothing was applied.
func refuse(err *katakv.Error) *Problem {
	return NewProblem(err.Status(), err.Code.String(), err.Message)
}

// writeFailed tells an error that a write met.
func writeFailed(err *katakv.Error) *Problem {
	p := refuse(err)
	if err.Code.Outcome() == katakv.OutcomeUnknown {
		p.Outcome = unknown
	}
	return p
}

func wrongMethod(w http.ResponseWriter, allowed string) *Problem {
	w.Header().Set("Allow", allowed)
	return NewProblem(http.StatusMethodNotAllowed, codeMethod, "use one of "+allowed)
}

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	data, err := json.Marshal(p)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError) // strings alone always encode
		return
	}
	h := w.Header()
	h.Del("ETag")
	if p.Revision != "" {
		h.Set("ETag", quote(p.Revision))
	}
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	writeJSON(w, p.Status, data)
}

func writeJSON(w http.ResponseWriter, status int, data []byte) {
	data = append(data, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that left is its own concern
}
