package chaos

import (
	"context"
	"os"

	"github.com/katakv/katakv/internal/check"
)

// finish reads every key through every node, adds the reads to the history, and lets the replicas be compared. It
// returns what was read of the streams' keys, node by node.
func (st *stage) finish(ctx context.Context, h *check.History, streams []*stream) []check.History {
	keys, ofStreams := keysOf(*h), keysOfStreams(streams)
	var finals []check.History
	for _, n := range st.cluster.Nodes {
		if st.lost(n.ID) {
			continue
		}
		limit, cancel := context.WithTimeout(ctx, finalTimeout)
		read, err := readThrough(limit, n.Plain, keys, finalClient+n.ID)
		if err == nil {
			*h = append(*h, read...)
			read, err = readThrough(limit, n.Plain, ofStreams, finalClient+n.ID)
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			st.tally.violate("after healing: %v", err)
			continue
		}
		finals = append(finals, read)
	}
	st.faults.say("%d keys are read through every node", len(keys)+len(ofStreams))
	st.awaitEqual(ctx)
	return finals
}

// keysOf returns the keys of a history, each once.
func keysOf(h check.History) []string {
	seen := map[string]bool{}
	var keys []string
	for i := range h {
		for _, key := range h[i].Keys {
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// keysOfStreams returns the streams' keys, in their order.
func keysOfStreams(streams []*stream) []string {
	var keys []string
	for _, s := range streams {
		keys = append(keys, s.key)
	}
	return keys
}

// searchLogs looks for alarms in what the nodes logged; they have ended.
func (st *stage) searchLogs() {
	if st.cluster == nil {
		return
	}
	for _, n := range st.cluster.Nodes {
		log, err := os.ReadFile(n.Log)
		if err != nil {
			continue // a node that never started
		}
		if alarm := alarmIn(string(log)); alarm != "" {
			st.tally.violate("node %d logged an alarm:\n%s", n.ID, alarm)
		}
	}
}
