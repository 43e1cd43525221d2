package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// get answers GET and HEAD of a key.
func (a *API) get(w http.ResponseWriter, r *http.Request, key []byte) *Problem {
	reply := a.execute(r.Context(), command.Operation{Kind: command.KindGetRecord, Keys: [][]byte{key}})
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
	held := share{memory: &a.memory}
	defer held.shrink(0)
	if len(record.Value) > pieceBytes && !held.grow(r.Context(), len(record.Value)) {
		return refuse(errNoMemory)
	}
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(record.Value)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = connectionWriter{w, a}.Write(record.Value) // a client that left is its own concern
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
func (a *API) put(w http.ResponseWriter, r *http.Request, key []byte) *Problem {
	op := command.Operation{Kind: command.KindSetIf, Keys: [][]byte{key}}
	if err := setCondition(&op, r.Header); err != nil {
		return refuse(err)
	}
	for _, name := range []string{"Content-Encoding", "Content-Range"} {
		if r.Header.Get(name) != "" {
			return refuse(katakv.Errorf(katakv.CodeUnsupported, "%s is not kept with a value: send the whole value as it is", name))
		}
	}
	topology := a.config.Backend.Topology()
	if topology.Map == nil {
		return refuse(katakv.Errorf(katakv.CodeLoading, "this node is not part of a cluster yet: run katakv cluster create"))
	}
	limit := command.DefaultLimits().MaxValueBytes
	if set := topology.Map.Settings.MaxValueBytes; set > 0 {
		limit = set
	}
	held := share{memory: &a.memory}
	defer held.shrink(0)
	value, problem := a.readBody(w, r, limit, &held)
	if problem != nil {
		return problem
	}
	op.Values = [][]byte{value}
	change, problem := a.write(r, op)
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
	w.Header().Set("ETag", quote(change.Revision.String()))
	writeJSON(w, http.StatusOK, data)
	return nil
}

// delete answers DELETE of a key.
func (a *API) delete(w http.ResponseWriter, r *http.Request, key []byte) *Problem {
	op := command.Operation{Kind: command.KindDelIf, Keys: [][]byte{key}}
	if err := setCondition(&op, r.Header); err != nil {
		return refuse(err)
	}
	change, problem := a.write(r, op)
	switch {
	case problem != nil:
		return problem
	case change.Applied:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case op.Flags == 0:
		return absent()
	default:
		return conditionFailed(change.Revision)
	}
}

func (a *API) write(r *http.Request, op command.Operation) (command.Change, *Problem) {
	reply := a.execute(r.Context(), op)
	if reply.Kind == command.ReplyError {
		return command.Change{}, writeFailed(reply.Err)
	}
	change, err := reply.Change()
	if err != nil {
		return command.Change{}, writeFailed(katakv.Errorf(katakv.CodeInternal, "%v", err))
	}
	return change, nil
}
