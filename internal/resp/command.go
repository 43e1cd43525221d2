package resp

import "strconv"

// AppendCommand appends a command, as a client sends it, to dst and returns the extended slice. At least one
// argument is needed: its name.
func AppendCommand(dst []byte, args ...[]byte) []byte {
	return appendCommand(dst, args)
}

// AppendCommandStrings is [AppendCommand] for strings.
func AppendCommandStrings(dst []byte, args ...string) []byte {
	return appendCommand(dst, args)
}

func appendCommand[T []byte | string](dst []byte, args []T) []byte {
	dst = appendHeader(dst, '*', len(args))
	for _, arg := range args {
		dst = appendBulk(dst, arg)
	}
	return dst
}

func appendHeader(dst []byte, kind byte, n int) []byte {
	dst = append(dst, kind)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, '\r', '\n')
}

func appendBulk[T []byte | string](dst []byte, bulk T) []byte {
	dst = appendHeader(dst, '$', len(bulk))
	dst = append(dst, bulk...)
	return append(dst, '\r', '\n')
}
