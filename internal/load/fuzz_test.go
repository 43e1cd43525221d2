package load

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzLines checks that lines put together again, with their ends, are the input, and that records keep their
// bytes.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"name\":\"a\"}\n\r\n{\"name\":1}"))
	f.Add([]byte("\n\n"))
	f.Add(bytes.Repeat([]byte("x"), 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := &lineReader{in: bufio.NewReaderSize(bytes.NewReader(data), 16)}
		for {
			from := lines.position.Bytes
			line, err := lines.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			whole := data[from:lines.position.Bytes]
			if !bytes.HasPrefix(whole, line) || len(bytes.Trim(whole[len(line):], "\r\n")) > 0 || len(whole)-len(line) > 2 {
				t.Fatalf("line %q of %q", line, whole)
			}
			if r, err := parseRecord(line, "name", "p:"); err == nil && (!bytes.Equal(r.value, line) || len(r.key) <= 2) {
				t.Fatalf("record %+v of %q", r, line)
			}
		}
		if lines.position.Bytes != int64(len(data)) {
			t.Fatalf("ended at %d of %d", lines.position.Bytes, len(data))
		}
	})
}
