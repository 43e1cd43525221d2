package client

import (
	"context"
	"slices"
)

// Commands are what can be done with the store, as the options say that were chosen. A [Client] has them, a [Session]
// has its own; [Commands.With] makes others. They are small values and, but for [Tell], may be used from any goroutine.
//
// Values that are passed in are not kept, those that are returned belong to the caller. Errors are of type [*Error]; each
// is either [ErrNotApplied] or [ErrUnknown].
type Commands struct {
	client *Client
	set    settings
}

// With returns the same commands with other options: c.With(client.Eventual()).Get(ctx, key). Later options win.
func (c Commands) With(options ...Option) Commands {
	for _, option := range options {
		option(&c.set)
	}
	return c
}

// do executes one operation.
func do[T any](ctx context.Context, c Commands, o operation[T]) (T, error) {
	c.runAll(ctx, []*call{o.call})
	return o.result()
}

// runAll executes calls, each under a request id of its own if it writes and none was chosen, and tells how they were
// answered.
func (c Commands) runAll(ctx context.Context, calls []*call) {
	for _, k := range calls {
		switch {
		case !k.writes || !k.data || k.once || c.set.noID:
		case c.set.id != "":
			k.id = c.set.id
		default:
			k.id = c.client.ids.next()
		}
	}
	c.client.run(ctx, c.set, calls)
	if c.set.served == nil {
		return
	}
	*c.set.served = (*c.set.served)[:0]
	for _, k := range calls {
		*c.set.served = append(*c.set.served, k.served...)
	}
}

// Get returns the value of a key: nil if the key is absent, while an empty value is not nil.
func (c Commands) Get(ctx context.Context, key string) ([]byte, error) { return do(ctx, c, get(key)) }

// GetRecord returns the value of a key and its revision, for a conditional write later.
func (c Commands) GetRecord(ctx context.Context, key string) (Record, error) {
	return do(ctx, c, getRecord(key))
}

// Strlen returns the length of a value in bytes, 0 if the key is absent.
func (c Commands) Strlen(ctx context.Context, key string) (int64, error) {
	return do(ctx, c, strlen(key))
}

// Set sets the value of a key.
func (c Commands) Set(ctx context.Context, key string, value []byte) error {
	_, err := do(ctx, c, set(key, value))
	return err
}

// SetIf sets the value of a key if the condition holds, and tells whether it did. It is compare-and-set: that the
// condition does not hold is no error.
func (c Commands) SetIf(ctx context.Context, key string, value []byte, condition Condition) (Change, error) {
	return do(ctx, c, setIf(key, value, condition))
}

// GetSet sets the value of a key and returns the old one, nil if there was none. An old value of more than 64 KiB needs
// [WithoutRequestID].
func (c Commands) GetSet(ctx context.Context, key string, value []byte) ([]byte, error) {
	return do(ctx, c, getSet(key, value))
}

// Append appends to the value of a key, which may be absent, and returns the new length.
func (c Commands) Append(ctx context.Context, key string, value []byte) (int64, error) {
	return do(ctx, c, appendTo(key, value))
}

// Incr adds one to the integer at a key, which may be absent, and returns the sum.
func (c Commands) Incr(ctx context.Context, key string) (int64, error) { return c.IncrBy(ctx, key, 1) }

// IncrBy adds delta to the integer at a key, which may be absent, and returns the sum.
func (c Commands) IncrBy(ctx context.Context, key string, delta int64) (int64, error) {
	return do(ctx, c, incrBy(key, delta))
}

// DeleteIf deletes a key if the condition holds, and tells whether it did. A condition that there be nothing to delete,
// [IfAbsent] or a revision of zero, is refused.
func (c Commands) DeleteIf(ctx context.Context, key string, condition Condition) (Change, error) {
	return do(ctx, c, delIf(key, condition))
}

// Run executes a batch: in as few exchanges as can be, with all nodes at a time. Its commands are independent of each
// other: one may fail where others do not, and their order is not promised. The error sums up those of the commands,
// whose own results tell each; where some were applied and others were not, it is [ErrUnknown].
func (c Commands) Run(ctx context.Context, b *Batch) error {
	if err := b.start(c.set.id); err != nil {
		return refused("batch", err)
	}
	if len(b.calls) == 0 {
		return nil
	}
	c.runAll(ctx, b.calls)
	for _, finish := range b.finish {
		finish()
	}
	return outcomeOfAll(b.calls)
}

// Do executes any command on keys, or one about the store that any node can answer. Arguments are strings, []byte,
// integers or floats. Commands on keys are sent to their node and retried as the others are; with cluster ports all keys of
// one command must have one hash tag. Commands that change the connection are refused, because connections are shared.
func (c Commands) Do(ctx context.Context, args ...any) (Value, error) {
	k, err := anyCall(args)
	if err != nil {
		return Value{}, refused("command", err)
	}
	return do(ctx, c, operation[Value]{k, asValue})
}

// MGet returns the values of several keys in their order, nil for each that is absent. Each slot is read at one moment,
// not all at the same one.
func (c Commands) MGet(ctx context.Context, keys ...string) ([][]byte, error) {
	parts := c.divide(keys, func(key []byte, keys [][]byte) *call {
		return newCall(false, key, append(text("MGET"), keys...)...)
	})
	if len(parts) == 0 {
		return nil, nil
	}
	if err := c.runParts(ctx, parts); err != nil {
		return nil, err
	}
	values := make([][]byte, len(keys))
	for _, p := range parts {
		o := operation[[][]byte]{p.call, asList(len(p.at))}
		some, err := o.result()
		if err != nil {
			return nil, err
		}
		for i, at := range p.at {
			values[at] = some[i]
		}
	}
	return values, nil
}

// MSet sets the values of several keys: those of one slot at one moment, others before or after them. If some parts fail
// where others do not, the outcome is unknown.
func (c Commands) MSet(ctx context.Context, values map[string][]byte) error {
	var keys []string
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	parts := c.divide(keys, func(key []byte, keys [][]byte) *call {
		args := text("MSET")
		for _, key := range keys {
			args = append(args, key, values[string(key)])
		}
		return newCall(true, key, args...)
	})
	return c.runParts(ctx, parts)
}

// Delete deletes keys and returns how many were there.
func (c Commands) Delete(ctx context.Context, keys ...string) (int64, error) {
	return c.count(ctx, true, "DEL", keys)
}

// Exists returns how many of the keys are there, counting repeats.
func (c Commands) Exists(ctx context.Context, keys ...string) (int64, error) {
	return c.count(ctx, false, "EXISTS", keys)
}
