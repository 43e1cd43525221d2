package node_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/session"
)

// TestReadsAtLevels lets callers write through one node and read through the others, all at once: sessions are noted in
// the router and used outside of it.
func TestReadsAtLevels(t *testing.T) {
	c := newCluster(t)
	c.bootstrap()
	var all sync.WaitGroup
	for caller := range 8 {
		read := []katakv.Consistency{
			{Level: katakv.LevelSession}, {Replica: true}, {Level: katakv.LevelBounded, Bound: time.Second}, {Level: katakv.LevelEventual},
		}[caller%4]
		all.Go(func() {
			seen := &session.Session{}
			run := func(through int, op command.Operation) *router.Call {
				batch := router.Batch{Calls: []router.Call{{Operation: op}}, Read: read, Session: seen}
				c.nodes[through].Run(context.Background(), batch)
				return &batch.Calls[0]
			}
			for i := range 60 {
				key, value := fmt.Sprintf("caller %d key %d", caller, i%5), fmt.Sprint(i)
				if r := run(i%3, set(key, value)).Reply; r.Kind != command.ReplyOK {
					t.Errorf("SET %s: %v", key, r.Err)
					return
				}
				got := run((i+1)%3, get(key))
				mustSee := read.Level <= katakv.LevelSession
				if got.Reply.Err != nil || mustSee && string(got.Reply.Bulk) != value {
					t.Errorf("%v: GET %s: got %q, %v, want %s", read, key, got.Reply.Bulk, got.Reply.Err, value)
					return
				}
				if got.Served.Level > read.Level || got.Served.Index == 0 {
					t.Errorf("%v: served %+v", read, got.Served)
				}
			}
		})
	}
	all.Wait()
}
