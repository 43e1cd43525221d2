package client

import (
	"context"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/slot"
)

// part is what a command on several keys asks of one slot.
type part struct {
	call *call
	at   []int // where its keys stand among all
}

// divide makes one call for each slot, since nodes behind cluster ports take no more at a time. A plain port takes all
// keys at once, and makes shards of them.
func (c Commands) divide(keys []string, build func(key []byte, keys [][]byte) *call) []part {
	whole := c.client.routes.Load() == nil
	index := map[katakv.Slot]int{}
	var parts []part
	var list [][][]byte
	for at, key := range keys {
		var s katakv.Slot
		if !whole {
			s = slot.Of([]byte(key))
		}
		i, known := index[s]
		if !known {
			i = len(parts)
			index[s] = i
			parts, list = append(parts, part{}), append(list, nil)
		}
		parts[i].at, list[i] = append(parts[i].at, at), append(list[i], []byte(key))
	}
	for i := range parts {
		parts[i].call = build(list[i][0], list[i])
	}
	return parts
}

// runParts executes the parts of one command; the error sums up theirs.
func (c Commands) runParts(ctx context.Context, parts []part) error {
	if len(parts) == 0 {
		return nil
	}
	calls := make([]*call, len(parts))
	for i := range parts {
		calls[i] = parts[i].call
	}
	c.runAll(ctx, calls)
	return outcomeOfAll(calls)
}

// count adds up what the parts of a command count.
func (c Commands) count(ctx context.Context, writes bool, name string, keys []string) (int64, error) {
	parts := c.divide(keys, func(key []byte, keys [][]byte) *call {
		return newCall(writes, key, append(text(name), keys...)...)
	})
	if err := c.runParts(ctx, parts); err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, p := range parts {
		o := operation[int64]{p.call, asInt}
		n, err := o.result()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
