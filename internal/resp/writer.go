package resp

import (
	"math"
	"strconv"

	"github.com/katakv/katakv/internal/invariant"
)

// The versions of the protocol, as HELLO names them.
const (
	Protocol2 = 2
	Protocol3 = 3
)

// Writer appends replies to a byte slice in the protocol of its connection. What RESP2 lacks is written as Redis
// writes it to RESP2 clients. An aggregate is its header followed by as many replies as the header says.
type Writer struct {
	protocol int
	buf      []byte
}

// NewWriter returns a writer that speaks Protocol2 or Protocol3 and appends to buf, which it owns from now on;
// nil will do.
func NewWriter(buf []byte, protocol int) *Writer {
	w := &Writer{buf: buf}
	w.SetProtocol(protocol)
	return w
}

// SetProtocol changes the protocol for the replies that follow.
func (w *Writer) SetProtocol(protocol int) {
	invariant.Check(protocol == Protocol2 || protocol == Protocol3, "writer of RESP%d", protocol)
	w.protocol = protocol
}

// Protocol returns Protocol2 or Protocol3.
func (w *Writer) Protocol() int { return w.protocol }

// Bytes returns what was written since the last [Writer.Reset]; valid until the next call that writes or resets.
func (w *Writer) Bytes() []byte { return w.buf }

// Len returns the length of [Writer.Bytes].
func (w *Writer) Len() int { return len(w.buf) }

// Reset forgets what was written. It keeps the memory, unless that has grown large.
func (w *Writer) Reset() {
	if cap(w.buf) > maxRetainedBytes {
		w.buf = nil
	}
	w.buf = w.buf[:0]
}

// Raw appends bytes that are RESP already.
func (w *Writer) Raw(b []byte) { w.buf = append(w.buf, b...) }

// SimpleString writes s, such as "OK". Line breaks become spaces.
func (w *Writer) SimpleString(s string) { w.line('+', s) }

// Error writes an error reply; message begins with its prefix, such as "ERR". Line breaks become spaces.
func (w *Writer) Error(message string) { w.line('-', message) }

// line writes a one-line reply. Text from outside may stand in it; a line break would let it forge replies.
func (w *Writer) line(kind byte, s string) {
	w.buf = append(w.buf, kind)
	for i := range len(s) {
		c := s[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		w.buf = append(w.buf, c)
	}
	w.buf = append(w.buf, '\r', '\n')
}

// Int writes an integer.
func (w *Writer) Int(n int64) {
	w.buf = append(w.buf, ':')
	w.buf = strconv.AppendInt(w.buf, n, 10)
	w.buf = append(w.buf, '\r', '\n')
}

// Bulk writes a bulk string of any bytes. A nil slice is an empty string; see [Writer.Null].
func (w *Writer) Bulk(b []byte) { w.buf = appendBulk(w.buf, b) }

// BulkString is [Writer.Bulk] for a string.
func (w *Writer) BulkString(s string) { w.buf = appendBulk(w.buf, s) }

// Null writes the absence of a value.
func (w *Writer) Null() {
	if w.protocol == Protocol2 {
		w.buf = append(w.buf, "$-1\r\n"...)
		return
	}
	w.buf = append(w.buf, "_\r\n"...)
}

// NullArray writes the absence of an array, which RESP2 tells from that of a value.
func (w *Writer) NullArray() {
	if w.protocol == Protocol2 {
		w.buf = append(w.buf, "*-1\r\n"...)
		return
	}
	w.buf = append(w.buf, "_\r\n"...)
}

// ArrayHeader begins an array of n replies.
func (w *Writer) ArrayHeader(n int) { w.header('*', '*', n, 1) }

// MapHeader begins a map of n pairs: key, value, key, value. RESP2 has an array of 2n instead.
func (w *Writer) MapHeader(n int) { w.header('%', '*', n, 2) }

// SetHeader begins a set of n replies; an array in RESP2.
func (w *Writer) SetHeader(n int) { w.header('~', '*', n, 1) }

// PushHeader begins a message of n parts that is no reply, the first being its kind; an array in RESP2.
func (w *Writer) PushHeader(n int) { w.header('>', '*', n, 1) }

// header begins an aggregate; in RESP2 an element of it counts as many replies as perElement.
func (w *Writer) header(kind3, kind2 byte, n, perElement int) {
	if n < 0 {
		invariant.Check(false, "aggregate of %d replies", n)
	}
	if w.protocol == Protocol2 {
		w.buf = appendHeader(w.buf, kind2, n*perElement)
		return
	}
	w.buf = appendHeader(w.buf, kind3, n)
}

// Bool writes a truth value; 1 or 0 in RESP2.
func (w *Writer) Bool(b bool) {
	switch {
	case w.protocol == Protocol2 && b:
		w.Int(1)
	case w.protocol == Protocol2:
		w.Int(0)
	case b:
		w.buf = append(w.buf, "#t\r\n"...)
	default:
		w.buf = append(w.buf, "#f\r\n"...)
	}
}

// Double writes a floating-point number in the fewest digits that read back the same; a bulk string in RESP2.
func (w *Writer) Double(f float64) {
	var scratch [32]byte
	text := appendDouble(scratch[:0], f)
	if w.protocol == Protocol2 {
		w.Bulk(text)
		return
	}
	w.buf = append(w.buf, ',')
	w.buf = append(w.buf, text...)
	w.buf = append(w.buf, '\r', '\n')
}

func appendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// Verbatim writes text to be shown to a person as it is; format is three bytes, "txt" or "mkd". It is a bulk
// string in RESP2.
func (w *Writer) Verbatim(format, text string) {
	if len(format) != verbatimFormatBytes {
		invariant.Check(false, "verbatim format %q", format)
	}
	if w.protocol == Protocol2 {
		w.BulkString(text)
		return
	}
	w.buf = appendHeader(w.buf, '=', len(format)+1+len(text))
	w.buf = append(w.buf, format...)
	w.buf = append(w.buf, ':')
	w.buf = append(w.buf, text...)
	w.buf = append(w.buf, '\r', '\n')
}

// verbatimFormatBytes is the length of the format before a verbatim string's colon.
const verbatimFormatBytes = 3
