package load

import (
	"context"
	"io"

	"github.com/katakv/katakv/client"
)

// Write writes every record of in. On an error, or when ctx ends, Progress tells where to go on.
func Write(ctx context.Context, in io.Reader, config Config) (Progress, error) {
	config, err := config.withDefaults()
	if err != nil {
		return Progress{Position: config.From}, err
	}
	return runFlow(ctx, in, config, func(f *flow, index int) worker {
		return &writer{flow: f, link: newLink(&f.config, config.Addrs, index)}
	})
}

// writer writes batches through one connection at a time.
type writer struct {
	flow *flow
	link *link
}

var wordSet = []byte("SET")

func (w *writer) close() { w.link.close() }

// process writes records in their order. After a failure everything from there on is sent again, so that a later
// line with the same key stays later.
func (w *writer) process(ctx context.Context, records batch) error {
	refusals := 0
	for len(records) > 0 {
		var refused error
		written, err := w.link.exchange(ctx, records,
			func(conn *client.Conn, r record) error { return conn.SendBytes(wordSet, r.key, r.value) },
			func(_ record, _ client.Value, err error) bool { refused = err; return err == nil })
		if written > 0 {
			w.link.succeeded()
			w.flow.tracker.count(written, 0, 0)
			records = records[written:]
			refusals = 0
		}
		switch {
		case err == nil && refused == nil:
			continue
		case refused == nil: // the connection broke: what was in flight may have been written, or will be again
			refused = err
		case prefixOf(refused) == "ERR":
			if refusals++; refusals >= maxRefusals {
				if err := w.giveUp(records[0], refused); err != nil {
					return err
				}
				records, refusals = records[1:], 0
				continue
			}
		case !retried[prefixOf(refused)]:
			return explain(w.link.addr(), refused)
		}
		if err := w.link.failed(ctx, refused); err != nil {
			return err
		}
		w.flow.tracker.count(0, 0, len(records))
	}
	return nil
}

// giveUp is for a record that the servers refuse again and again, such as one whose value is too large.
func (w *writer) giveUp(r record, refused error) error {
	if !w.flow.config.SkipBad {
		return &LineError{Line: r.line, Err: explain(w.link.addr(), refused)}
	}
	w.flow.tracker.count(0, 1, 0)
	return nil
}
