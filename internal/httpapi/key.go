package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// get answers GET and HEAD of a key.
func (x *exchange) get(key []byte) *Problem {
	w, r := x.w, x.r
	reply := x.answer(command.Operation{Kind: command.KindGetRecord, Keys: [][]byte{key}})
	if reply.Kind == command.ReplyError {
		return refuse(reply.Err)
	}
	record, found, err := reply.Record()
	if err != nil {
		return refuse(katakv.Errorf(katakv.CodeInternal, "%v", err))
	}
	match, noneMatch := r.Header.Values("If-Match"), r.Header.Values("If-None-Match")
	switch {
	case len(match) > 0 && !(found && names(match, record.Revision, false)):
		return conditionFailed(record.Revision)
	case !found:
		return absent()
	}
	h := w.Header()
	h.Set("ETag", quote(record.Revision.String()))
	h.Set("Cache-Control", "no-cache") // it may be kept, and must be asked for again
	if names(noneMatch, record.Revision, true) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	held := share{memory: &x.api.memory}
	defer held.shrink(0)
	if len(record.Value) > pieceBytes && !held.grow(r.Context(), len(record.Value)) {
		return refuse(errNoMemory)
	}
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(record.Value)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = connectionWriter{w, x.api}.Write(record.Value) // a client that left is its own concern
	}
	return nil
}

func absent() *Problem { return NewProblem(http.StatusNotFound, codeNotFound, "there is no such key") }

func conditionFailed(revision katakv.Revision) *Problem {
	p := NewProblem(http.StatusPreconditionFailed, codeConditionFailed, "the condition does not hold: there is no such key")
	if revision != 0 {
		p.Revision = revision.String()
		p.Message = "the condition does not hold: the record is at revision " + p.Revision
	}
	return p
}

// put answers PUT of a key.
func (x *exchange) put(key []byte) *Problem {
	op := command.Operation{Kind: command.KindSetIf, Keys: [][]byte{key}}
	if problem := x.prepare(&op); problem != nil {
		return problem
	}
	for _, name := range []string{"Content-Encoding", "Content-Range"} {
		if x.r.Header.Get(name) != "" {
			return refuse(katakv.Errorf(katakv.CodeUnsupported, "%s is not kept with a value: send the whole value as it is", name))
		}
	}
	limit := command.DefaultLimits().MaxValueBytes
	if set := x.topology.Map.Settings.MaxValueBytes; set > 0 {
		limit = set
	}
	held := share{memory: &x.api.memory}
	defer held.shrink(0)
	value, problem := x.api.readBody(x.w, x.r, limit, &held)
	if problem != nil {
		return problem
	}
	op.Values = [][]byte{value}
	change, problem := x.write(op)
	if problem != nil {
		return problem
	}
	if !change.Applied {
		return conditionFailed(change.Revision)
	}
	data, err := json.Marshal(struct {
		Revision string `json:"revision"`
	}{change.Revision.String()})
	if err != nil {
		return writeFailed(katakv.Errorf(katakv.CodeInternal, "%v", err))
	}
	x.w.Header().Set("ETag", quote(change.Revision.String()))
	writeJSON(x.w, http.StatusOK, data)
	return nil
}

// delete answers DELETE of a key.
func (x *exchange) delete(key []byte) *Problem {
	op := command.Operation{Kind: command.KindDelIf, Keys: [][]byte{key}}
	if problem := x.prepare(&op); problem != nil {
		return problem
	}
	change, problem := x.write(op)
	switch {
	case problem != nil:
		return problem
	case change.Applied:
		x.w.WriteHeader(http.StatusNoContent)
		return nil
	case op.Flags == 0:
		return absent()
	default:
		return conditionFailed(change.Revision)
	}
}

// prepare gives a write what its headers say of it.
func (x *exchange) prepare(op *command.Operation) *Problem {
	if err := setCondition(op, x.r.Header); err != nil {
		return refuse(err)
	}
	if err := setRequestID(op, x.r.Header); err != nil {
		return refuse(err)
	}
	return nil
}

func (x *exchange) write(op command.Operation) (command.Change, *Problem) {
	reply := x.answer(op)
	if reply.Kind == command.ReplyError {
		return command.Change{}, writeFailed(reply.Err)
	}
	change, err := reply.Change()
	if err != nil {
		return command.Change{}, writeFailed(katakv.Errorf(katakv.CodeInternal, "%v", err))
	}
	return change, nil
}
