package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/katakv/katakv/client"
)

// maxDifferences is how many differences a Report describes; it counts them all.
const maxDifferences = 20

// Report is what Verify found.
type Report struct {
	Progress
	// Missing and Different count records that an address does not have, or has with other bytes.
	Missing   int64 `json:"missing"`
	Different int64 `json:"different"`
	// Differences describes the first of them.
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is one record that an address answered otherwise.
type Difference struct {
	Line int64  `json:"line"`
	Key  string `json:"key"`
	Addr string `json:"addr"`
	// Problem is "missing" or tells the first byte that differs.
	Problem string `json:"problem"`
}

// Verify reads every record of in back through every address and compares it byte for byte. Differences are part
// of the report; the error is for what could not be read at all, such as an address that did not answer within
// Patience. Each record must have a key of its own: of several lines with one key only the last is there.
func Verify(ctx context.Context, in io.Reader, config Config) (*Report, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	v := &verification{}
	progress, err := runFlow(ctx, in, config, func(f *flow, index int) worker {
		r := &reader{flow: f, verification: v}
		for i := range config.Addrs {
			r.links = append(r.links, newLink(&f.config, config.Addrs[i:i+1], 0))
		}
		return r
	})
	v.mu.report.Progress = progress
	return &v.mu.report, err
}

// verification collects what all workers find.
type verification struct {
	mu struct {
		sync.Mutex
		report Report
	}
}

// reader reads batches back through a connection to each address.
type reader struct {
	flow         *flow
	links        []*link
	verification *verification
}

var wordGet = []byte("GET")

func (r *reader) close() {
	for _, l := range r.links {
		l.close()
	}
}

func (r *reader) process(ctx context.Context, records batch) error {
	for _, l := range r.links {
		l.succeeded() // time spent at other addresses is not this one's failure
		if err := r.processAt(ctx, l, records); err != nil {
			return err
		}
	}
	r.flow.tracker.count(len(records), 0, 0)
	return nil
}

// processAt reads all records through one address.
func (r *reader) processAt(ctx context.Context, l *link, records batch) error {
	for len(records) > 0 {
		var refused error
		read, err := l.exchange(ctx, records,
			func(conn *client.Conn, record record) error { return conn.SendBytes(wordGet, record.key) },
			func(record record, value client.Value, err error) bool {
				if refused = err; err == nil {
					r.verification.compare(l.addr(), record, value)
				}
				return err == nil
			})
		if read > 0 {
			l.succeeded()
			records = records[read:]
		}
		switch {
		case err == nil && refused == nil:
			continue
		case refused == nil:
			refused = err
		case !retried[prefixOf(refused)]:
			return &LineError{Line: records[0].line, Err: explain(l.addr(), refused)}
		}
		if err := l.failed(ctx, refused); err != nil {
			return err
		}
		r.flow.tracker.count(0, 0, len(records))
	}
	return nil
}

// compare notes a difference.
func (v *verification) compare(addr string, r record, value client.Value) {
	if value.Kind == client.KindBulk && bytes.Equal(value.Bytes, r.value) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	report := &v.mu.report
	problem := "missing"
	if value.IsNull() {
		report.Missing++
	} else {
		report.Different++
		problem = describe(r.value, value.Bytes)
	}
	if len(report.Differences) < maxDifferences {
		report.Differences = append(report.Differences, Difference{Line: r.line, Key: string(r.key), Addr: addr, Problem: problem})
	}
}

// describe says how two values differ.
func describe(want, got []byte) string {
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	return fmt.Sprintf("%d bytes instead of %d, which differ from byte %d on", len(got), len(want), at)
}
