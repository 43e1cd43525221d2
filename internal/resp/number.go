package resp

// maxDigits is the longest decimal number of which every value fits an int64.
const maxDigits = 18

// parseInteger reads a decimal integer as strictly as Redis does: no plus sign, no leading zero, no space, no
// "-0". Numbers of more than 19 digits, or beyond an int64, are not ok.
func parseInteger(b []byte) (n int64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > maxDigits+1 || b[0] == '0' && (len(b) > 1 || negative) {
		return 0, false
	}
	var value uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + uint64(c-'0')
	}
	const limit = uint64(1) << 63
	switch {
	case negative && value <= limit:
		return -int64(value), true
	case !negative && value < limit:
		return int64(value), true
	}
	return 0, false
}

// maxLengthDigits is the number of digits that parseLength takes: they fit an int on any platform.
const maxLengthDigits = 9

// parseLength reads "digits\r\n" at b[at:] and returns the number and the position behind it. It serves the
// fast path, so anything unusual is just not ok.
func parseLength(b []byte, at int) (n, next int, ok bool) {
	start := at
	for ; at < len(b); at++ {
		c := b[at] - '0'
		if c > 9 {
			break
		}
		n = n*10 + int(c)
		if at-start >= maxLengthDigits {
			return 0, 0, false
		}
	}
	if at == start || b[start] == '0' && at-start > 1 {
		return 0, 0, false
	}
	if len(b)-at < 2 || b[at] != '\r' || b[at+1] != '\n' {
		return 0, 0, false
	}
	return n, at + 2, true
}
