package command

import (
	"math"

	"github.com/katakv/katakv"
)

// The parsers are called with arguments whose number was checked; the operations alias them.

func parseKey(kind Kind) func(args [][]byte) (Operation, *katakv.Error) {
	return func(args [][]byte) (Operation, *katakv.Error) {
		return Operation{Kind: kind, Keys: args[1:2]}, nil
	}
}

func parseKeys(kind Kind) func(args [][]byte) (Operation, *katakv.Error) {
	return func(args [][]byte) (Operation, *katakv.Error) {
		return Operation{Kind: kind, Keys: args[1:]}, nil
	}
}

func parseKeyValue(kind Kind, flags Flags) func(args [][]byte) (Operation, *katakv.Error) {
	return func(args [][]byte) (Operation, *katakv.Error) {
		return Operation{Kind: kind, Flags: flags, Keys: args[1:2], Values: args[2:3]}, nil
	}
}

// parseSet reads SET key value [NX | XX] [GET].
func parseSet(args [][]byte) (Operation, *katakv.Error) {
	op := Operation{Kind: KindSet, Keys: args[1:2], Values: args[2:3]}
	for _, arg := range args[3:] {
		switch {
		case equalFold(arg, "nx"):
			op.Flags |= FlagNX
		case equalFold(arg, "xx"):
			op.Flags |= FlagXX
		case equalFold(arg, "get"):
			op.Flags |= FlagGet
		case isExpiryOption(arg):
			return Operation{}, katakv.Errorf(katakv.CodeUnsupported,
				"SET option %s is not supported yet: keys cannot expire; set the key without it", printable(arg))
		default:
			return Operation{}, errSyntax
		}
	}
	if op.Flags&FlagNX != 0 && op.Flags&FlagXX != 0 {
		return Operation{}, errSyntax
	}
	return op, nil
}

func isExpiryOption(arg []byte) bool {
	for _, name := range [...]string{"ex", "px", "exat", "pxat", "keepttl"} {
		if equalFold(arg, name) {
			return true
		}
	}
	return false
}

// parseMSet reads MSET key value [key value ...].
func parseMSet(args [][]byte) (Operation, *katakv.Error) {
	pairs := args[1:]
	if len(pairs)%2 != 0 {
		return Operation{}, katakv.Errorf(katakv.CodeInvalid, "wrong number of arguments for 'mset' command")
	}
	n := len(pairs) / 2
	both := make([][]byte, 2*n)
	op := Operation{Kind: KindMSet, Keys: both[:n:n], Values: both[n:]}
	for i := range n {
		op.Keys[i], op.Values[i] = pairs[2*i], pairs[2*i+1]
	}
	return op, nil
}

func parseStep(delta int64) func(args [][]byte) (Operation, *katakv.Error) {
	return func(args [][]byte) (Operation, *katakv.Error) {
		return Operation{Kind: KindIncrBy, Delta: delta, Keys: args[1:2]}, nil
	}
}

func parseIncrBy(args [][]byte) (Operation, *katakv.Error) {
	delta, ok := ParseInt(args[2])
	if !ok {
		return Operation{}, errNotInteger
	}
	return Operation{Kind: KindIncrBy, Delta: delta, Keys: args[1:2]}, nil
}

func parseDecrBy(args [][]byte) (Operation, *katakv.Error) {
	delta, ok := ParseInt(args[2])
	if !ok {
		return Operation{}, errNotInteger
	}
	if delta == math.MinInt64 {
		return Operation{}, katakv.Errorf(katakv.CodeInvalid, "decrement would overflow")
	}
	return Operation{Kind: KindIncrBy, Delta: -delta, Keys: args[1:2]}, nil
}

// parseCountKeysInSlot reads CLUSTER COUNTKEYSINSLOT slot.
func parseCountKeysInSlot(args [][]byte) (Operation, *katakv.Error) {
	slot, ok := ParseInt(args[2])
	if !ok || slot < 0 || slot >= katakv.SlotCount {
		return Operation{}, katakv.Errorf(katakv.CodeInvalid, "Invalid slot")
	}
	return Operation{Kind: KindCountKeysInSlot, Delta: slot}, nil
}

var (
	errSyntax     = katakv.Errorf(katakv.CodeInvalid, "syntax error")
	errNotInteger = katakv.Errorf(katakv.CodeInvalid, "value is not an integer or out of range")
)

// maxIntBytes is the length of the longest int64, with its sign.
const maxIntBytes = 20

// ParseInt reads an integer exactly as Redis does: decimal, no spaces, no plus sign, no leading zeros, no
// "-0", within int64. So a number has one form, and INCR of any other text is an error. It does not allocate.
func ParseInt(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > maxIntBytes {
		return 0, false
	}
	digits, negative := text, text[0] == '-'
	if negative {
		digits = text[1:]
	}
	if len(digits) == 0 || (digits[0] == '0' && len(text) > 1) {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	if negative {
		return -int64(n), n <= 1<<63 // -(1<<63) wraps to itself, as wanted.
	}
	return int64(n), n <= math.MaxInt64
}
