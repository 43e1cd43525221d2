package command

import "github.com/katakv/katakv"

// Limits bound the keys and values of one operation, in bytes.
type Limits struct {
	MaxKeyBytes   int
	MaxValueBytes int
}

// DefaultLimits hold where the cluster map names no others.
func DefaultLimits() Limits {
	return Limits{MaxKeyBytes: katakv.MaxKeyBytes, MaxValueBytes: katakv.DefaultMaxValueBytes}
}

// Check returns CodeTooLarge when a key or value of op is over its limit; nothing was applied then.
func (l Limits) Check(op *Operation) *katakv.Error {
	for _, key := range op.Keys {
		if len(key) > l.MaxKeyBytes {
			return katakv.Errorf(katakv.CodeTooLarge, "key of %d bytes is over the limit of %d bytes",
				len(key), l.MaxKeyBytes)
		}
	}
	for _, value := range op.Values {
		if len(value) > l.MaxValueBytes {
			return ValueTooLarge(len(value), l.MaxValueBytes)
		}
	}
	return nil
}

// ValueTooLarge is the error for a value of size bytes.
func ValueTooLarge(size, limit int) *katakv.Error {
	return katakv.Errorf(katakv.CodeTooLarge, "value of %d bytes is over the limit of %d bytes (setting max-value-bytes)",
		size, limit)
}
