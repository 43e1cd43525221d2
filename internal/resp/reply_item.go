package resp

import (
	"bytes"
	"math"
	"strconv"
)

// isBulkKind reports whether a value that starts with kind has its length first: a string, an error, verbatim
// text.
func isBulkKind(kind byte) bool { return kind == '$' || kind == '!' || kind == '=' }

// beginBulk reads the length of a bulk string; null is true for "$-1".
func (p *ReplyParser) beginBulk(kind byte, text []byte) (null bool, err error) {
	length, ok := parseInteger(text)
	if ok && length == -1 && kind == '$' {
		return true, nil
	}
	if !ok || length < 0 || length > int64(p.limits.MaxBulkBytes) {
		return false, protocolErrorf("invalid bulk length")
	}
	if p.bytes += int(length); p.bytes > p.limits.MaxReplyBytes {
		return false, protocolErrorf("too big reply")
	}
	p.bulkKind, p.bulkLeft = kind, int(length)
	return false, nil
}

// bulk goes on with the current bulk string as far as its bytes are there.
func (p *ReplyParser) bulk() (Value, error) {
	if unread := p.in.unread(); p.bulkLeft > 0 && len(unread) > 0 {
		piece := unread[:min(p.bulkLeft, len(unread))]
		p.data = append(reserve(p.data, len(piece), len(p.data)+p.bulkLeft), piece...)
		p.bulkLeft -= len(piece)
		p.in.consume(len(piece))
	}
	end := p.in.unread()
	if p.bulkLeft > 0 || len(end) < 2 {
		return Value{}, ErrIncomplete
	}
	if end[0] != '\r' || end[1] != '\n' {
		return Value{}, protocolErrorf("expected a line end after the bulk")
	}
	p.in.consume(2)
	value := Value{Kind: KindBulk, Bytes: p.data}
	if value.Bytes == nil {
		value.Bytes = []byte{}
	}
	kind := p.bulkKind
	p.bulkKind, p.data = 0, nil
	switch kind {
	case '!':
		value.Kind = KindError
	case '=':
		if len(value.Bytes) <= verbatimFormatBytes || value.Bytes[verbatimFormatBytes] != ':' {
			return Value{}, protocolErrorf("invalid verbatim string")
		}
		value.Kind = KindVerbatim
		value.Format = string(value.Bytes[:verbatimFormatBytes])
		value.Bytes = value.Bytes[verbatimFormatBytes+1:]
	}
	return value, nil
}

// scalar reads a value of one line.
func scalar(kind byte, text []byte) (Value, error) {
	switch kind {
	case '+', '-':
		if bytes.IndexByte(text, '\r') >= 0 {
			return Value{}, protocolErrorf("invalid line in reply")
		}
		if kind == '-' {
			return Value{Kind: KindError, Bytes: append([]byte{}, text...)}, nil
		}
		return Value{Kind: KindSimple, Bytes: append([]byte{}, text...)}, nil
	case ':':
		// Unlike in lengths, a plus sign is legal here.
		digits, plus := bytes.CutPrefix(text, []byte("+"))
		if n, ok := parseInteger(digits); ok && !(plus && n < 0) {
			return Value{Kind: KindInt, Int: n}, nil
		}
		return Value{}, protocolErrorf("invalid integer in reply")
	case '_':
		if len(text) == 0 {
			return Value{}, nil
		}
		return Value{}, protocolErrorf("invalid null in reply")
	case '#':
		if len(text) == 1 && (text[0] == 't' || text[0] == 'f') {
			value := Value{Kind: KindBool}
			if text[0] == 't' {
				value.Int = 1
			}
			return value, nil
		}
		return Value{}, protocolErrorf("invalid boolean in reply")
	case ',':
		return double(text)
	case '(':
		return bigNumber(text)
	}
	return Value{}, protocolErrorf("invalid kind of reply: '\\x%02x'", kind)
}

func double(text []byte) (Value, error) {
	value := Value{Kind: KindDouble}
	switch string(text) {
	case "inf", "+inf":
		value.Double = math.Inf(1)
	case "-inf":
		value.Double = math.Inf(-1)
	case "nan", "-nan":
		value.Double = math.NaN()
	default:
		// The standard library also reads hexadecimal, underscores and other names of infinity.
		number, err := strconv.ParseFloat(string(text), 64)
		if err != nil || len(bytes.Trim(text, "0123456789+-.eE")) > 0 {
			return Value{}, protocolErrorf("invalid double in reply")
		}
		value.Double = number
	}
	return value, nil
}

func bigNumber(text []byte) (Value, error) {
	digits := text
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return Value{}, protocolErrorf("invalid big number in reply")
	}
	return Value{Kind: KindBigNumber, Bytes: append([]byte{}, text...)}, nil
}
