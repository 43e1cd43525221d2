package resp

import "bytes"

// tlsHandshake is the first byte of a TLS connection (RFC 8446, section 5.1). No command starts with it.
const tlsHandshake = 0x16

// inline reads a command typed as a line, as with telnet. No arguments and no error: the line was empty.
func (p *Parser) inline() ([][]byte, error) {
	if p.in.unread()[0] == tlsHandshake {
		return nil, &ForeignError{Protocol: "TLS"}
	}
	line, ok := p.in.line(MaxInlineBytes + 1)
	if !ok {
		if len(p.in.unread()) > MaxInlineBytes {
			return nil, protocolErrorf("too big inline request")
		}
		return nil, ErrIncomplete
	}
	p.in.consume(len(line) + 1)
	args, ok := splitLine(bytes.TrimSuffix(line, []byte("\r")))
	switch {
	case isHTTP(args):
		return nil, &ForeignError{Protocol: "HTTP"}
	case !ok:
		return nil, protocolErrorf("unbalanced quotes in request")
	case len(args) > p.limits.MaxArgs:
		return nil, protocolErrorf("too big inline request")
	}
	if err := p.checkInline(args); err != nil {
		return nil, err
	}
	return args, nil
}

// checkInline applies the limits of sizes, which may be below what a line can hold.
func (p *Parser) checkInline(args [][]byte) error {
	total := 0
	for i, arg := range args {
		total += len(arg)
		if len(arg) > p.limits.MaxBulkBytes {
			return &TooLargeError{Arg: i, Bytes: len(arg), LimitBytes: p.limits.MaxBulkBytes}
		}
	}
	if total > p.limits.MaxCommandBytes {
		return &TooLargeError{Arg: -1, Bytes: total, LimitBytes: p.limits.MaxCommandBytes}
	}
	return nil
}

// httpMethods are the first words of HTTP requests; PRI opens HTTP/2.
var httpMethods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "CONNECT": true, "OPTIONS": true,
	"TRACE": true, "PATCH": true, "PRI": true,
}

// isHTTP reports whether an inline command is the request line, or the Host header, of HTTP. POST and "Host:"
// are no commands and therefore enough, as in Redis; the others must end in a version, which no command of that
// name does.
func isHTTP(args [][]byte) bool {
	if len(args) == 0 {
		return false
	}
	if bytes.EqualFold(args[0], []byte("POST")) || bytes.EqualFold(args[0], []byte("Host:")) {
		return true
	}
	return len(args) == 3 && bytes.HasPrefix(args[2], []byte("HTTP/")) && httpMethods[string(args[0])]
}

// splitLine splits a line at white space. A part in double quotes may hold white space and the escapes \n \r \t
// \b \a \xHH and \ before any other byte; a part in single quotes only \'. A closing quote ends the argument. ok
// is false, and the arguments are those before the fault, when a quote is not closed or something follows it.
func splitLine(line []byte) (args [][]byte, ok bool) {
	// One block for all: unescaping never lengthens.
	data := make([]byte, 0, len(line))
	for {
		line = bytes.TrimLeft(line, whiteSpace)
		if len(line) == 0 {
			return args, true
		}
		start := len(data)
		data, line, ok = splitArg(data, line)
		if !ok {
			return args, false
		}
		args = append(args, data[start:len(data):len(data)])
	}
}

const whiteSpace = " \t\n\v\f\r"

// splitArg appends the first argument of line to data and returns what follows it.
func splitArg(data, line []byte) (extended, rest []byte, ok bool) {
	for i, c := range line {
		switch c {
		case ' ', '\t', '\n', '\v', '\f', '\r':
			return data, line[i:], true
		case '"', '\'':
			data, rest, ok = unquote(data, line[i+1:], c)
			if ok && len(rest) > 0 && bytes.IndexByte([]byte(whiteSpace), rest[0]) < 0 {
				ok = false
			}
			return data, rest, ok
		default:
			data = append(data, c)
		}
	}
	return data, nil, true
}

// unquote appends the quoted text at the start of line, whose opening quote is gone, and returns what follows
// the closing one.
func unquote(data, line []byte, quote byte) (extended, rest []byte, ok bool) {
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == quote:
			return data, line[i+1:], true
		case c == '\\' && quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
			data = append(data, '\'')
			i++
		case c == '\\' && quote == '"' && i+1 < len(line):
			value, used := unescape(line[i+1:])
			data = append(data, value)
			i += used
		default:
			data = append(data, c)
		}
	}
	return data, nil, false
}

// unescape returns the byte that an escape stands for, and its length without the backslash.
func unescape(b []byte) (value byte, used int) {
	switch b[0] {
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'b':
		return '\b', 1
	case 'a':
		return '\a', 1
	case 'x':
		if len(b) >= 3 {
			high, ok1 := hexDigit(b[1])
			low, ok2 := hexDigit(b[2])
			if ok1 && ok2 {
				return high<<4 | low, 3
			}
		}
	}
	return b[0], 1
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
