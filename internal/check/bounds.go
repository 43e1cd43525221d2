package check

import (
	"fmt"
	"strings"
)

// Bounds checks that queues and buffers keep to their limits, and remembers their peaks. The zero value is ready.
type Bounds struct {
	all []*Bound
}

// Bound is one limit.
type Bound struct {
	name        string
	limit, peak int64
}

// Limit adds a bound. The name says what is counted and in which unit, such as "proposals in flight, bytes".
func (b *Bounds) Limit(name string, limit int64) *Bound {
	bound := &Bound{name: name, limit: limit}
	b.all = append(b.all, bound)
	return bound
}

// Observe tells a value of now.
func (b *Bound) Observe(value int64) error {
	b.peak = max(b.peak, value)
	if value > b.limit {
		return fmt.Errorf("%s: %d, limit %d", b.name, value, b.limit)
	}
	return nil
}

// Peak returns the largest value observed, or 0.
func (b *Bound) Peak() int64 { return b.peak }

// String returns all peaks, one a line, in the order in which the bounds were added.
func (b *Bounds) String() string {
	var text strings.Builder
	for _, bound := range b.all {
		fmt.Fprintf(&text, "%s: %d of %d\n", bound.name, bound.peak, bound.limit)
	}
	return text.String()
}
