package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/clock"
)

// refreshInterval is the least time between two looks at the cluster's slot map: a failover moves thousands of
// slots, and each of them would ask otherwise.
const refreshInterval = 100 * time.Millisecond

// slotMap says which node owns each slot. It is immutable; nodes keep their index in later maps.
type slotMap struct {
	nodes []string
	owner [katakv.SlotCount]uint16
}

// topology is the slot map that all workers share. The worker that finds it stale renews it for all.
type topology struct {
	seeds   []string
	options client.Options
	current atomic.Pointer[slotMap]

	renewal struct {
		sync.Mutex           // held during a renewal, which dials: nobody else waits for more than that
		last       time.Time // when a renewal last began
	}
}

// newTopology asks for the slot map in cluster mode; else each address is a node that owns no slots.
func newTopology(ctx context.Context, config *Config, options client.Options) (*topology, error) {
	t := &topology{seeds: config.Addrs, options: options}
	if !config.Cluster {
		t.current.Store(&slotMap{nodes: config.Addrs})
		return t, nil
	}
	t.current.Store(&slotMap{})
	if err := t.renew(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// refresh renews the map unless that was done a moment ago, or is being done.
func (t *topology) refresh(ctx context.Context) {
	if !t.renewal.TryLock() {
		return
	}
	defer t.renewal.Unlock()
	if clock.Wall().Sub(t.renewal.last) < refreshInterval {
		return
	}
	t.renewal.last = clock.Wall()
	_ = t.renew(ctx) // the old map stays; redirects correct it
}

// moved notes a redirect. A whole new map is asked for, since a slot seldom moves alone.
func (t *topology) moved(ctx context.Context, slot katakv.Slot, addr string) {
	t.refresh(ctx)
	t.renewal.Lock()
	defer t.renewal.Unlock()
	old := t.current.Load()
	if len(old.nodes) > 0 && old.nodes[old.owner[slot]] == addr {
		return
	}
	next := &slotMap{nodes: old.nodes, owner: old.owner}
	next.owner[slot] = next.index(addr)
	t.current.Store(next)
}

// index returns the place of a node, which it adds if it is new.
func (m *slotMap) index(addr string) uint16 {
	for i, node := range m.nodes {
		if node == addr {
			return uint16(i)
		}
	}
	// A full slice expression: older maps share the array.
	m.nodes = append(m.nodes[:len(m.nodes):len(m.nodes)], addr)
	return uint16(len(m.nodes) - 1)
}

// renew asks the seeds and all known nodes in turn. The caller holds renewal, or is alone.
func (t *topology) renew(ctx context.Context) error {
	old := t.current.Load()
	var problems []error
	for _, addr := range append(append([]string{}, t.seeds...), old.nodes...) {
		next := &slotMap{nodes: old.nodes}
		if err := next.ask(ctx, addr, t.options); err != nil {
			problems = append(problems, err)
			continue
		}
		t.current.Store(next)
		return nil
	}
	return fmt.Errorf("get the cluster's slots: %w", errors.Join(problems...))
}

// ask fills the map with what one node answers.
func (m *slotMap) ask(ctx context.Context, addr string, options client.Options) error {
	conn, err := client.Dial(ctx, addr, options)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ranges, err := conn.ClusterSlots(ctx)
	if err != nil {
		return err
	}
	for _, slots := range ranges {
		index := m.index(slots.Leader)
		for slot := int(slots.First); slot <= int(slots.Last); slot++ {
			m.owner[slot] = index
		}
	}
	return nil
}
