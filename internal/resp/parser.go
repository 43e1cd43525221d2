package resp

import "errors"

// Parser turns the bytes of a connection into commands. It resumes within any of them.
//
// A command that lies whole in the buffer is copied out in one step, with two allocations (fast.go). Any other
// is taken apart as its bytes arrive: the parsed arguments stand one behind the other in data, and the buffer
// stays small whatever the size of the command.
//
//	data:   [ SET | key | val.. ]     marks: [3 6]    bulkLeft: 125    argsLeft: 1
//
// Invariant: argsLeft == 0 between commands; inBulk only while argsLeft > 0; data and marks are empty while
// refused is set.
type Parser struct {
	limits Limits

	in     buffer
	direct bool // The last Space was room in data, not in the buffer.
	room   int  // The length of the last Space.
	failed error

	argsLeft int  // Arguments of the current command that are not complete.
	argCount int  // All of its arguments.
	inBulk   bool // An argument's header was read, its bytes and line end were not.
	bulkLeft int  // Bytes of that argument still to come.
	bytes    int  // Declared sizes of its arguments so far, together.
	data     []byte
	marks    []int // Ends of the complete arguments in data.
	refused  *TooLargeError
}

// NewParser returns a parser at the beginning of a connection.
func NewParser(limits Limits) *Parser {
	limits.check()
	return &Parser{limits: limits}
}

// SetLimits changes the limits from the next length on, for example once a client has authenticated.
func (p *Parser) SetLimits(limits Limits) {
	limits.check()
	p.limits = limits
}

// Space returns at least minBytes (> 0) of memory for the caller to read into. It is valid until the next call
// of any method but [Parser.Commit]. Call it when [Parser.Next] has returned [ErrIncomplete]: commands that are
// left waiting make the buffer grow.
func (p *Parser) Space(minBytes int) []byte {
	room := p.directSpace(minBytes)
	p.direct = room != nil
	if !p.direct {
		room = p.in.space(minBytes)
	}
	p.room = len(room)
	return room
}

// directSpace returns room behind the bytes of a large argument, to spare them the way through the buffer; nil
// when that is not possible or not worth it.
func (p *Parser) directSpace(minBytes int) []byte {
	received := len(p.data)
	if !p.inBulk || p.refused != nil || len(p.in.unread()) > 0 ||
		p.bulkLeft < directBytes || received < directBytes {
		return nil
	}
	p.data = reserve(p.data, 0, p.target())
	end := min(cap(p.data), received+p.bulkLeft)
	if end-received < minBytes {
		return nil
	}
	return p.data[received:end]
}

// Commit says that the first n bytes of the last [Parser.Space] were filled.
func (p *Parser) Commit(n int) {
	checkCommit(n, p.room)
	p.room = 0
	if p.direct {
		p.data = p.data[:len(p.data)+n]
		p.bulkLeft -= n
		return
	}
	p.in.commit(n)
}

// Next returns the next command's arguments, at least one, in memory that belongs to the caller. Commands
// without arguments are passed over, as in Redis.
//
// It returns [ErrIncomplete] when more bytes are needed. A [*TooLargeError] reports a command that was discarded;
// Next may be called again. Any other error, a [*ProtocolError] or a [*ForeignError], is final: every later call
// returns it.
func (p *Parser) Next() ([][]byte, error) {
	if p.failed != nil {
		return nil, p.failed
	}
	args, err := p.next()
	if err != nil && isFinal(err) {
		*p = Parser{limits: p.limits, failed: err}
	}
	return args, err
}

// isFinal reports whether the stream cannot be followed after err.
func isFinal(err error) bool {
	if errors.Is(err, ErrIncomplete) {
		return false
	}
	var tooLarge *TooLargeError
	return !errors.As(err, &tooLarge)
}

// Pending reports whether a command has begun and is not complete: a connection that ends now ends within it.
func (p *Parser) Pending() bool { return p.argsLeft > 0 || len(p.in.unread()) > 0 }

// HeldBytes returns the memory of the buffer and of the incomplete command.
func (p *Parser) HeldBytes() int { return cap(p.in.data) + cap(p.data) + 8*cap(p.marks) }

func (p *Parser) next() ([][]byte, error) {
	for p.argsLeft == 0 {
		unread := p.in.unread()
		if len(unread) == 0 {
			return nil, ErrIncomplete
		}
		if unread[0] != '*' {
			args, err := p.inline()
			if err != nil || len(args) > 0 {
				return args, err
			}
			continue
		}
		if args := p.whole(unread); args != nil {
			return args, nil
		}
		if err := p.beginCommand(); err != nil {
			return nil, err
		}
	}
	for p.argsLeft > 0 {
		if err := p.argument(); err != nil {
			return nil, err
		}
	}
	return p.endCommand()
}

// header reads a line such as "$128\r\n" whose first byte is kind; name is for errors.
func (p *Parser) header(kind byte, name string) (int64, error) {
	if unread := p.in.unread(); len(unread) > 0 && unread[0] != kind {
		return 0, unexpected(kind, unread[0])
	}
	line, ok := p.in.line(maxHeaderBytes)
	if !ok {
		if len(p.in.unread()) >= maxHeaderBytes {
			return 0, protocolErrorf("invalid %s length", name)
		}
		return 0, ErrIncomplete
	}
	n, ok := int64(0), false
	if end := len(line) - 1; end > 0 && line[end] == '\r' {
		n, ok = parseInteger(line[1:end])
	}
	if !ok {
		return 0, protocolErrorf("invalid %s length", name)
	}
	p.in.consume(len(line) + 1)
	return n, nil
}

// beginCommand reads "*<count>\r\n".
func (p *Parser) beginCommand() error {
	count, err := p.header('*', "multibulk")
	if err != nil {
		return err
	}
	if count > int64(p.limits.MaxArgs) {
		return protocolErrorf("invalid multibulk length")
	}
	// A negative count is an empty command, as in Redis.
	p.argsLeft = int(max(count, 0))
	p.argCount = p.argsLeft
	return nil
}

// argument goes on with the current argument as far as its bytes are there; nil when it is complete.
func (p *Parser) argument() error {
	if !p.inBulk {
		if err := p.beginBulk(); err != nil {
			return err
		}
	}
	if unread := p.in.unread(); p.bulkLeft > 0 && len(unread) > 0 {
		piece := unread[:min(p.bulkLeft, len(unread))]
		if p.refused == nil {
			p.data = append(reserve(p.data, len(piece), p.target()), piece...)
		}
		p.bulkLeft -= len(piece)
		p.in.consume(len(piece))
	}
	end := p.in.unread()
	if p.bulkLeft > 0 || len(end) < 2 {
		return ErrIncomplete
	}
	// Redis does not look at these two bytes. A wrong length would then turn the rest of a value into
	// commands.
	if end[0] != '\r' || end[1] != '\n' {
		return protocolErrorf("expected a line end after the bulk")
	}
	p.in.consume(2)
	if p.refused == nil {
		p.marks = append(p.marks, len(p.data))
	}
	p.inBulk = false
	p.argsLeft--
	return nil
}

// beginBulk reads "$<length>\r\n" and decides whether the command is kept, discarded or an error.
func (p *Parser) beginBulk() error {
	length, err := p.header('$', "bulk")
	if err != nil {
		return err
	}
	most := p.limits.MaxBulkBytes
	if length < 0 || length > int64(max(most, p.limits.MaxSkipBytes)) {
		return protocolErrorf("invalid bulk length")
	}
	p.inBulk = true
	p.bulkLeft = int(length)
	p.bytes += p.bulkLeft
	if p.refused == nil {
		switch {
		case p.bulkLeft > most:
			p.refuse(TooLargeError{Arg: p.argCount - p.argsLeft, Bytes: p.bulkLeft, LimitBytes: most})
		case p.bytes > p.limits.MaxCommandBytes:
			p.refuse(TooLargeError{Arg: -1, LimitBytes: p.limits.MaxCommandBytes})
		}
	}
	if p.refused != nil && p.bytes > p.limits.MaxSkipBytes {
		return protocolErrorf("invalid bulk length")
	}
	return nil
}

// refuse discards what was received of the command; what follows of it is discarded as it comes.
func (p *Parser) refuse(why TooLargeError) {
	p.refused = &why
	p.data = nil
	p.marks = p.marks[:0]
}

// fewArgs is the number of further arguments from which on their sizes are guessed when data grows.
const fewArgs = 8

// target is the size that data will probably have when the command is complete. While many arguments are to
// come it is unbounded, so that data grows geometrically.
func (p *Parser) target() int {
	const argGuessBytes = 64
	later := p.argsLeft - 1
	if later > fewArgs {
		return p.limits.MaxCommandBytes
	}
	return len(p.data) + p.bulkLeft + later*argGuessBytes
}

// endCommand hands out the complete command and makes ready for the next.
func (p *Parser) endCommand() ([][]byte, error) {
	data, marks, refused, bytes := p.data, p.marks, p.refused, p.bytes
	p.data, p.marks, p.refused = nil, marks[:0], nil
	p.argCount, p.bytes = 0, 0
	if cap(marks) > keptMarks {
		p.marks = nil
	}
	if refused != nil {
		if refused.Arg < 0 {
			refused.Bytes = bytes
		}
		return nil, refused
	}
	if data == nil {
		data = []byte{} // All arguments are empty, and an empty argument is not a missing one.
	}
	args := make([][]byte, len(marks))
	start := 0
	for i, end := range marks {
		args[i] = data[start:end:end]
		start = end
	}
	return args, nil
}
