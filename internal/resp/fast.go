package resp

// minArgBytes is the least that an argument occupies on the wire: "$0\r\n\r\n".
const minArgBytes = 6

// whole takes the command at the start of b if it is there to its last byte and within every limit. Otherwise it
// returns nil and consumes nothing: the resumable path then finds out what the matter is. It is tried once for
// each command, so its work is linear in the bytes received.
func (p *Parser) whole(b []byte) [][]byte {
	count, at, ok := parseLength(b, 1)
	if !ok || count < 1 || count > p.limits.MaxArgs || count > len(b)/minArgBytes {
		return nil
	}
	// The arguments first point into the buffer; once their sum is known they move to memory of their own.
	args := make([][]byte, count)
	total := 0
	for i := range args {
		if at >= len(b) || b[at] != '$' {
			return nil
		}
		length, start, ok := parseLength(b, at+1)
		if !ok || length > p.limits.MaxBulkBytes || length > len(b)-start-2 {
			return nil
		}
		end := start + length
		if b[end] != '\r' || b[end+1] != '\n' {
			return nil
		}
		args[i] = b[start:end]
		total += length
		at = end + 2
	}
	if total > p.limits.MaxCommandBytes {
		return nil
	}
	p.in.consume(at)
	data := make([]byte, 0, total)
	for i, arg := range args {
		start := len(data)
		data = append(data, arg...)
		args[i] = data[start:len(data):len(data)]
	}
	return args
}
