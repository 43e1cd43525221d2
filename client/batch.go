package client

import "errors"

// Batch is a list of independent commands that are executed together by [Commands.Run]. The zero value is empty. It is
// run once, and belongs to one goroutine at a time.
//
//	var b client.Batch
//	hits := b.Incr("hits")
//	page := b.Get("page:1")
//	if err := c.Run(ctx, &b); err != nil { ... }
//	value, err := page.Value()
type Batch struct {
	calls  []*call
	finish []func()
	ran    bool
}

// Result is what becomes of one command of a [Batch].
type Result[T any] struct {
	value T
	err   error
}

var (
	errNotRun   = errors.New("the batch was not run: call Run first")
	errRunTwice = errors.New("a batch is run once: make a new one")
	errOneID    = errors.New("a request id names one write: a batch chooses its own for each")
)

// Value returns the command's answer or its error, once the batch was run.
func (r *Result[T]) Value() (T, error) { return r.value, r.err }

func add[T any](b *Batch, o operation[T]) *Result[T] {
	r := &Result[T]{err: refused(o.call.name(), errNotRun)}
	b.calls = append(b.calls, o.call)
	b.finish = append(b.finish, func() { r.value, r.err = o.result() })
	return r
}

// start checks that the batch can be run.
func (b *Batch) start(id string) error {
	switch {
	case b.ran:
		return errRunTwice
	case id != "":
		return errOneID
	}
	b.ran = len(b.calls) > 0
	return nil
}

// Len returns the number of commands.
func (b *Batch) Len() int { return len(b.calls) }

// Get is [Commands.Get].
func (b *Batch) Get(key string) *Result[[]byte] { return add(b, get(key)) }

// GetRecord is [Commands.GetRecord].
func (b *Batch) GetRecord(key string) *Result[Record] { return add(b, getRecord(key)) }

// Strlen is [Commands.Strlen].
func (b *Batch) Strlen(key string) *Result[int64] { return add(b, strlen(key)) }

// Exists tells whether a key is there.
func (b *Batch) Exists(key string) *Result[bool] { return add(b, exists(key)) }

// Set is [Commands.Set].
func (b *Batch) Set(key string, value []byte) *Result[struct{}] { return add(b, set(key, value)) }

// SetIf is [Commands.SetIf].
func (b *Batch) SetIf(key string, value []byte, condition Condition) *Result[Change] {
	return add(b, setIf(key, value, condition))
}

// GetSet is [Commands.GetSet].
func (b *Batch) GetSet(key string, value []byte) *Result[[]byte] { return add(b, getSet(key, value)) }

// Append is [Commands.Append].
func (b *Batch) Append(key string, value []byte) *Result[int64] { return add(b, appendTo(key, value)) }

// Incr is [Commands.Incr].
func (b *Batch) Incr(key string) *Result[int64] { return add(b, incrBy(key, 1)) }

// IncrBy is [Commands.IncrBy].
func (b *Batch) IncrBy(key string, delta int64) *Result[int64] { return add(b, incrBy(key, delta)) }

// Delete deletes a key and tells whether it was there.
func (b *Batch) Delete(key string) *Result[bool] { return add(b, del(key)) }

// DeleteIf is [Commands.DeleteIf].
func (b *Batch) DeleteIf(key string, condition Condition) *Result[Change] {
	return add(b, delIf(key, condition))
}
