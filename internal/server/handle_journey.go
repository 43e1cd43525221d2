package server

import (
	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/journey"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
)

// kataJourney is KATA JOURNEY command [argument ...]: a map of the command's own reply and of what became of it. The command
// is executed as it would be alone. A redirect is answered as such, for cluster clients to follow.
func (r *request) kataJourney() {
	op, err := r.parse(r.spec, r.args)
	if err != nil {
		writeError(r.w, r.topology, err)
		return
	}
	calls := []router.Call{{Operation: op}}
	story := journey.New()
	r.server.config.Backend.Run(r.server.ctx, router.Batch{
		Mode: r.mode(&op, nil, r.topology), Calls: calls, Read: r.consistency(r.topology), Session: &r.reading.session, Journey: story,
	})
	r.reading.answered(&calls[0])
	topology := r.server.config.Backend.Topology()
	if reply := &calls[0].Reply; reply.Kind == command.ReplyError && reply.Err.Code == katakv.CodeMoved {
		writeError(r.w, topology, reply.Err)
		return
	}
	report := story.Report()
	r.w.MapHeader(3)
	r.w.BulkString("reply")
	writeAnswer(r.w, topology, &calls[0], nil)
	r.w.BulkString("steps")
	r.w.ArrayHeader(len(report.Steps))
	for i := range report.Steps {
		writeStep(r.w, &report.Steps[i])
	}
	r.w.BulkString("dropped")
	r.w.Int(int64(report.Dropped))
}

// writeStep writes a step as a map.
func writeStep(w *resp.Writer, s *journey.Step) {
	fields := s.Fields(nil)
	w.MapHeader(len(fields))
	for _, f := range fields {
		w.BulkString(f.Name)
		if f.Word != "" {
			w.BulkString(f.Word)
		} else {
			w.Int(f.Number)
		}
	}
}
