package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// Tune has opts changed by tune when an engine is opened.
func (o *Options) Tune(tune func(*pebble.Options)) { o.tune = tune }

// Compact compacts everything between two keys, as time would.
func (e *Engine) Compact(start, end []byte) error {
	const parallel = false
	return e.db.Compact(context.Background(), start, end, parallel)
}
