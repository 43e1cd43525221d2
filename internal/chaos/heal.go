package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/clock"
)

const (
	// LivenessLimit is how long a healed cluster may take until every shard has taken a write through every node,
	// on a machine that runs all nodes and the clients at once.
	LivenessLimit = 30 * time.Second

	// convergeLimit is how long the replicas may take to be equal once nobody writes any more.
	convergeLimit = 30 * time.Second

	// pollPause is between two comparisons of all replicas.
	pollPause = 100 * time.Millisecond
)

// heal ends all faults and starts all nodes that can come back. An error means that the harness failed.
func (st *stage) heal() error {
	var errs []error
	if st.network != nil {
		errs = append(errs, st.network.Heal())
	}
	for _, mount := range st.mounts {
		mount.Clear()
	}
	for i, disk := range st.disks {
		var dark bool
		st.change(i+1, func(c *condition) { dark = c.dark })
		if !dark {
			errs = append(errs, disk.Free())
		}
	}
	for _, n := range st.cluster.Nodes {
		if n.Running() {
			errs = append(errs, unlessEnded(n, n.Resume()))
		}
		if err := st.start(n); err != nil {
			errs = append(errs, err)
		}
	}
	st.faults.endAll()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("heal the cluster: %w", err)
	}
	return nil
}

// awaitLife waits until every shard has taken a write through every node that can be up, and returns how long that
// took. A cluster that does not come to life is in violation of what it promises.
func (st *stage) awaitLife(ctx context.Context, shards []shardSlots) time.Duration {
	began := clock.Monotonic()
	limit, cancel := context.WithTimeout(ctx, LivenessLimit)
	defer cancel()
	for _, n := range st.cluster.Nodes {
		if st.lost(n.ID) {
			continue
		}
		d := &plainDoor{addrs: []string{n.Plain}, options: client.Options{Timeout: 2 * time.Second}, tally: newTally()}
		for _, s := range shards {
			key := s.slots.Key(fmt.Sprintf("life:%v:%d", s.id, n.ID))
			if err := writeUntilTaken(limit, d, key); err != nil && ctx.Err() == nil {
				st.tally.violate("%v after everything was healed, shard %v takes no write through node %d (running: %v): %v",
					LivenessLimit, s.id, n.ID, n.Running(), err)
				break
			}
		}
		d.close()
	}
	return clock.Monotonic() - began
}

func writeUntilTaken(ctx context.Context, d *plainDoor, key string) error {
	for {
		c := &call{op: operation(check.Set, []string{key}, "1")}
		if d.exchange(ctx, []*call{c}) && c.err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if c.err != nil {
				return c.err
			}
			return ctx.Err()
		case <-clock.After(retryPause):
		}
	}
}

// position is one applied index of one shard.
type position struct{ shard, applied uint64 }

// awaitEqual waits until all replicas of each shard have the same checksum at the same applied index. Two that
// differ at the same index are a violation.
func (st *stage) awaitEqual(ctx context.Context) {
	seen := map[position]string{}
	began := clock.Monotonic()
	limit, cancel := context.WithTimeout(ctx, convergeLimit)
	defer cancel()
	for {
		behind, err := st.compare(limit, seen)
		var differ *differError
		if errors.As(err, &differ) {
			st.tally.violate("%v", differ)
			return
		}
		if err == nil && len(behind) == 0 {
			st.faults.say("all replicas are equal, %.1f s after the last write", (clock.Monotonic() - began).Seconds())
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-limit.Done():
			st.tally.violate("%v after the last write, replicas are not equal (%v): %s", convergeLimit, err, strings.Join(behind, ", "))
			return
		case <-clock.After(pollPause):
		}
	}
}

// differError says that two replicas differ.
type differError struct{ text string }

func (e *differError) Error() string { return e.text }

// compare asks every node for the checksums of its replicas, and adds them to what was seen. It names the shards whose
// replicas are not at the same index.
func (st *stage) compare(ctx context.Context, seen map[position]string) (behind []string, err error) {
	indexes := map[uint64]map[uint64]bool{} // applied indexes by shard
	for _, n := range st.running() {
		var answer struct {
			Checksums []admin.Checksum `json:"checksums"`
		}
		if err := admin.Fetch(ctx, n.HTTP, "/v1/checksums", &answer); err != nil {
			return nil, err
		}
		for _, row := range answer.Checksums {
			at := position{uint64(row.Shard), uint64(row.Applied)}
			if sum, ok := seen[at]; ok && sum != row.Checksum {
				return nil, &differError{fmt.Sprintf("shard %v at applied index %v: checksum %s at node %d, %s elsewhere",
					row.Shard, row.Applied, row.Checksum, n.ID, sum)}
			}
			seen[at] = row.Checksum
			if indexes[at.shard] == nil {
				indexes[at.shard] = map[uint64]bool{}
			}
			indexes[at.shard][at.applied] = true
		}
	}
	return behindShards(indexes), nil
}

// behindShards names the shards whose replicas are at different indexes.
func behindShards(indexes map[uint64]map[uint64]bool) []string {
	var behind []string
	for shard, applied := range indexes {
		if len(applied) > 1 {
			behind = append(behind, fmt.Sprintf("shard s%d", shard))
		}
	}
	return behind
}
