package client

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/katakv/katakv"
)

// SlotRange says which nodes hold the slots First to Last, both included.
type SlotRange struct {
	First, Last katakv.Slot
	// Leader is the address that takes writes.
	Leader string
	// Followers are the addresses of the other nodes that hold the slots.
	Followers []string
}

// ClusterSlots asks for the cluster's slot map (CLUSTER SLOTS) and checks that it covers every slot once.
// Source: https://redis.io/docs/latest/commands/cluster-slots/
func (c *Conn) ClusterSlots(ctx context.Context) ([]SlotRange, error) {
	reply, err := c.Do(ctx, "CLUSTER", "SLOTS")
	if err != nil {
		return nil, fmt.Errorf("ask %s for the cluster's slots: %w", c.addr, err)
	}
	ranges, err := newSlotRanges(reply, c.addr)
	if err != nil {
		return nil, fmt.Errorf("the cluster's slots from %s: %w", c.addr, err)
	}
	return ranges, nil
}

// newSlotRanges reads the reply to CLUSTER SLOTS, which must cover every slot once.
func newSlotRanges(reply Value, asked string) ([]SlotRange, error) {
	ranges := make([]SlotRange, 0, len(reply.Elems))
	var covered [katakv.SlotCount]bool
	total := 0
	for _, entry := range reply.Elems {
		slots, err := newSlotRange(entry, asked)
		if err != nil {
			return nil, err
		}
		for slot := int(slots.First); slot <= int(slots.Last); slot++ {
			if covered[slot] {
				return nil, fmt.Errorf("slot %d is there twice", slot)
			}
			covered[slot] = true
			total++
		}
		ranges = append(ranges, slots)
	}
	if total != katakv.SlotCount {
		return nil, fmt.Errorf("only %d of %d have a node", total, katakv.SlotCount)
	}
	return ranges, nil
}

// newSlotRange reads one entry: first, last, leader, followers; a node is [host, port, ...]. An empty or missing
// host means the one that was asked.
func newSlotRange(entry Value, asked string) (SlotRange, error) {
	if len(entry.Elems) < 3 {
		return SlotRange{}, fmt.Errorf("unexpected entry: %v", entry)
	}
	first, last := entry.Elems[0], entry.Elems[1]
	if first.Kind != KindInt || last.Kind != KindInt || first.Int < 0 || first.Int > last.Int || last.Int >= katakv.SlotCount {
		return SlotRange{}, fmt.Errorf("unexpected range: %v to %v", first, last)
	}
	slots := SlotRange{First: katakv.Slot(first.Int), Last: katakv.Slot(last.Int)}
	for i, node := range entry.Elems[2:] {
		if len(node.Elems) < 2 || node.Elems[1].Kind != KindInt {
			return SlotRange{}, fmt.Errorf("unexpected node: %v", node)
		}
		host := node.Elems[0].Text()
		if host == "" || host == "?" {
			var err error
			if host, _, err = net.SplitHostPort(asked); err != nil {
				return SlotRange{}, err
			}
		}
		addr := net.JoinHostPort(host, strconv.FormatInt(node.Elems[1].Int, 10))
		if i == 0 {
			slots.Leader = addr
			continue
		}
		slots.Followers = append(slots.Followers, addr)
	}
	return slots, nil
}
