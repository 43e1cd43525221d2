package resp

import "errors"

// ReplyParser turns the bytes of a connection into replies, RESP2 and RESP3 alike. It resumes within any of
// them: aggregates that are not complete wait on a stack, outermost first.
//
// Streamed strings and aggregates ("$?", "*?") are refused; no server sends them.
type ReplyParser struct {
	limits ReplyLimits

	in     buffer
	room   int
	failed error

	stack    []aggregate
	attrs    []Value // Attributes of the value that comes next.
	elements int     // Declared elements of the current reply, together.
	bytes    int     // Bytes of its bulk strings and lines, together.

	bulkKind byte // The kind of the bulk string being received; zero for none.
	bulkLeft int
	data     []byte
}

// aggregate is an aggregate of which left elements are still to come.
type aggregate struct {
	value      Value
	left       int
	attributes bool // Not a value, but the attributes of the next one.
}

// NewReplyParser returns a parser at the beginning of a connection.
func NewReplyParser(limits ReplyLimits) *ReplyParser {
	limits.check()
	return &ReplyParser{limits: limits}
}

// Space returns at least minBytes (> 0) of memory for the caller to read into, as [Parser.Space] does.
func (p *ReplyParser) Space(minBytes int) []byte {
	room := p.in.space(minBytes)
	p.room = len(room)
	return room
}

// Commit says that the first n bytes of the last [ReplyParser.Space] were filled.
func (p *ReplyParser) Commit(n int) {
	checkCommit(n, p.room)
	p.room = 0
	p.in.commit(n)
}

// Next returns the next reply, in memory that belongs to the caller; an error that the server answered is a reply
// too ([Value.Err]). It returns [ErrIncomplete] when more bytes are needed, or a [*ProtocolError], which is final:
// close the connection, because replies can no longer be told apart.
func (p *ReplyParser) Next() (Value, error) {
	if p.failed != nil {
		return Value{}, p.failed
	}
	value, err := p.next()
	if err != nil && !errors.Is(err, ErrIncomplete) {
		*p = ReplyParser{limits: p.limits, failed: err}
	}
	return value, err
}

// Pending reports whether a reply has begun and is not complete, or bytes are waiting.
func (p *ReplyParser) Pending() bool {
	return len(p.stack) > 0 || p.bulkKind != 0 || p.attrs != nil || len(p.in.unread()) > 0
}

func (p *ReplyParser) next() (Value, error) {
	for {
		value, opened, err := p.item()
		if err != nil {
			return Value{}, err
		}
		if opened {
			continue
		}
		if value, ok := p.attach(value); ok {
			p.elements, p.bytes = 0, 0
			return value, nil
		}
	}
}

// item reads one value without elements, or opens an aggregate.
func (p *ReplyParser) item() (value Value, opened bool, err error) {
	if p.bulkKind == 0 {
		line, err := p.line()
		if err != nil {
			return Value{}, false, err
		}
		kind, text := line[0], line[1:]
		switch {
		case isBulkKind(kind):
			null, err := p.beginBulk(kind, text)
			if err != nil || null {
				return p.withAttributes(Value{}), false, err
			}
		case aggregateKinds[kind] != 0 || kind == '|':
			return p.open(kind, text)
		default:
			value, err := scalar(kind, text)
			return p.withAttributes(value), false, err
		}
	}
	value, err = p.bulk()
	if err != nil {
		return Value{}, false, err
	}
	return p.withAttributes(value), false, nil
}

// line reads and consumes a line, without its end. It is valid until the next Space, and has at least one byte.
func (p *ReplyParser) line() ([]byte, error) {
	limit := min(p.limits.MaxBulkBytes, p.limits.MaxReplyBytes-p.bytes) + 3 // The kind and the line end.
	unread := p.in.unread()
	line, ok := p.in.line(limit)
	if !ok {
		if len(unread) >= limit {
			return nil, protocolErrorf("too big line in reply")
		}
		return nil, ErrIncomplete
	}
	p.in.consume(len(line) + 1)
	end := len(line) - 1
	if end < 1 || line[end] != '\r' {
		return nil, protocolErrorf("invalid line in reply")
	}
	p.bytes += end - 1
	return line[:end], nil
}

// withAttributes hands the attributes that came ahead to the value that they describe.
func (p *ReplyParser) withAttributes(value Value) Value {
	value.Attributes, p.attrs = p.attrs, nil
	return value
}

// aggregateKinds maps first bytes to kinds.
var aggregateKinds = [256]Kind{'*': KindArray, '%': KindMap, '~': KindSet, '>': KindPush}

// firstElems bounds how many elements get memory before any has arrived.
const firstElems = 16

// open begins an aggregate.
func (p *ReplyParser) open(kind byte, text []byte) (value Value, opened bool, err error) {
	count, ok := parseInteger(text)
	if ok && count == -1 && kind == '*' {
		return p.withAttributes(Value{}), false, nil
	}
	if !ok || count < 0 || count > int64(p.limits.MaxElements) {
		return Value{}, false, protocolErrorf("invalid multibulk length")
	}
	n := int(count)
	if kind == '%' || kind == '|' {
		n *= 2
	}
	if p.elements += n; p.elements > p.limits.MaxElements {
		return Value{}, false, protocolErrorf("too many elements in reply")
	}
	if len(p.stack) >= p.limits.MaxDepth {
		return Value{}, false, protocolErrorf("reply nested too deeply")
	}
	if kind == '|' {
		if p.attrs != nil {
			return Value{}, false, protocolErrorf("attributes after attributes in reply")
		}
		if n > 0 {
			p.stack = append(p.stack, aggregate{left: n, attributes: true})
		}
		return Value{}, true, nil
	}
	value = p.withAttributes(Value{Kind: aggregateKinds[kind]})
	if n == 0 {
		return value, false, nil
	}
	value.Elems = make([]Value, 0, min(n, firstElems))
	p.stack = append(p.stack, aggregate{value: value, left: n})
	return Value{}, true, nil
}

// attach puts a complete value where it belongs. ok is true when that completes the reply, which it returns.
func (p *ReplyParser) attach(value Value) (reply Value, ok bool) {
	for len(p.stack) > 0 {
		top := &p.stack[len(p.stack)-1]
		top.value.Elems = append(top.value.Elems, value)
		if top.left--; top.left > 0 {
			return Value{}, false
		}
		complete := *top
		*top = aggregate{}
		p.stack = p.stack[:len(p.stack)-1]
		if complete.attributes {
			p.attrs = complete.value.Elems
			return Value{}, false
		}
		value = complete.value
	}
	return value, true
}
