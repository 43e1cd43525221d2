package httpapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/slot"
)

// scan is a listing under way.
type scan struct {
	exchange *exchange
	ask      *listing
	page     command.Page // what was read last; its Next and Start are where to go on
	last     katakv.Slot  // the last slot that may hold something
	left     uint64       // records still wanted
	// behind is the last key that was listed, or the one that the listing began behind; nil for none.
	behind []byte
	held   share
	// freshness is that of all pages so far.
	freshness freshness
}

// lastLine ends every listing that was not cut off.
type lastLine struct {
	// End says that there is nothing more.
	End bool `json:"end"`
	// Next is the path and query of the listing that goes on where this one stopped.
	Next string `json:"next,omitempty"`
	// Level is what each page keeps to, unless none was read.
	Level string `json:"level,omitempty"`
	// AgeMs bounds how old each page was when it was read. It is left out where nothing is known of one.
	AgeMs *int64 `json:"ageMs,omitempty"`
	// Session is the session's token, all pages included.
	Session string `json:"session,omitempty"`
	// Error is why it stopped, unless the limit was reached.
	Error *Problem `json:"error,omitempty"`
}

// list answers a listing. The status is sent once the first page was read; a later failure ends the lines.
func (x *exchange) list() *Problem {
	w := x.w
	if x.journey != nil {
		return refuse(katakv.Errorf(katakv.CodeInvalid, "a listing has no %s: ask for that of a key", headerJourney))
	}
	ask, err := listingOf(x.r.URL.RawQuery)
	if err != nil {
		return refuse(err)
	}
	s := newScan(x, ask)
	defer s.held.shrink(0)
	if problem := s.read(); problem != nil {
		return problem
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := bufio.NewWriterSize(connectionWriter{w, x.api}, lineBufferBytes)
	var problem *Problem
	for {
		s.write(out)
		if problem != nil || s.ended() || s.left == 0 {
			break
		}
		// What was found so far is shown while the next page is read.
		if out.Flush() != nil || http.NewResponseController(w).Flush() != nil {
			return nil // a client that left is its own concern
		}
		problem = s.read()
	}
	s.finish(out, problem)
	_ = out.Flush()
	return nil
}

func newScan(x *exchange, ask *listing) *scan {
	s := &scan{exchange: x, ask: ask, last: katakv.SlotCount - 1, left: ask.limit, held: share{memory: &x.api.memory}}
	if s.left == 0 {
		s.left-- // more than there can be
	}
	if ask.started {
		s.behind = ask.start
		s.page.Next, s.page.Start = int(slot.Of(ask.start)), append(bytes.Clone(ask.start), 0)
	}
	if only, ok := slot.OfPrefix(ask.prefix); ok {
		s.last = only
		if s.page.Next < int(only) {
			s.page.Next, s.page.Start = int(only), nil
		}
	}
	return s
}

func (s *scan) ended() bool { return s.page.Next > int(s.last) }

// read reads the next page, unless there is none.
func (s *scan) read() *Problem {
	s.page.Records = nil
	s.held.shrink(0)
	if s.ended() {
		return nil
	}
	ask := command.Scan{Slot: katakv.Slot(s.page.Next), Start: s.page.Start, Prefix: s.ask.prefix}
	call := s.exchange.execute(ask.Operation())
	reply := &call.Reply
	if reply.Kind == command.ReplyError {
		return refuse(reply.Err)
	}
	page, err := reply.Page()
	if err == nil && (page.Next < s.page.Next || page.Next == s.page.Next && bytes.Compare(page.Start, s.page.Start) <= 0) {
		err = command.ErrMalformed // it would never end
	}
	if err != nil {
		return refuse(katakv.Errorf(katakv.CodeInternal, "page of slot %d: %v", s.page.Next, err))
	}
	size := 0
	for i := range page.Records {
		size += len(page.Records[i].Key) + len(page.Records[i].Value)
	}
	if size > pieceBytes && !s.held.grow(s.exchange.r.Context(), size) {
		return refuse(errNoMemory)
	}
	s.page = page
	s.freshness.add(&call.Served)
	return nil
}

// write writes the records of the page, as many as are wanted. Errors stay in out until it is flushed.
func (s *scan) write(out *bufio.Writer) {
	for i := range s.page.Records {
		if s.left == 0 {
			s.page.Next, s.page.Start = int(slot.Of(s.behind)), nil // not ended: there is this record
			return
		}
		writeRecord(out, &s.page.Records[i])
		s.behind = s.page.Records[i].Key
		s.left--
	}
}

func (s *scan) finish(out *bufio.Writer, problem *Problem) {
	line := lastLine{End: problem == nil && s.ended(), Error: problem, Session: s.exchange.token()}
	s.freshness.tell(&line)
	if !line.End {
		line.Next = s.ask.after(s.behind)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false) // next is to be copied from a terminal, "&" and all
	_ = encoder.Encode(line)
}
