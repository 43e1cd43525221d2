package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/katakv/katakv"
)

// record is one line.
type record struct {
	line  int64 // from 1
	key   []byte
	value []byte
}

// lineReader cuts a stream into lines and knows where it stands.
type lineReader struct {
	in       *bufio.Reader
	position Position // behind the last line
}

// next returns a line without its end ("\n" or "\r\n"), in memory of its own; io.EOF at the end. A last line
// without an end counts.
func (r *lineReader) next() ([]byte, error) {
	var line []byte
	for {
		piece, err := r.in.ReadSlice('\n')
		if len(line)+len(piece) > MaxLineBytes {
			return nil, &LineError{Line: r.position.Lines + 1, Err: fmt.Errorf("longer than %d bytes", MaxLineBytes)}
		}
		line = append(line, piece...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
			return nil, err
		}
		break
	}
	r.position.Bytes += int64(len(line))
	r.position.Lines++
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// parseRecord finds the key of a line. The value is the line itself, which it keeps.
func parseRecord(line []byte, field, prefix string) (record, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return record{}, fmt.Errorf("not a JSON object: %w", err)
	}
	raw, ok := object[field]
	if !ok {
		return record{}, fmt.Errorf("no field %q", field)
	}
	key := []byte(prefix)
	switch {
	case raw[0] == '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return record{}, fmt.Errorf("field %q: %w", field, err)
		}
		if text == "" {
			return record{}, fmt.Errorf("field %q is empty", field)
		}
		key = append(key, text...)
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		key = append(key, raw...)
	default:
		return record{}, fmt.Errorf("field %q is neither text nor a number", field)
	}
	if len(key) > katakv.MaxKeyBytes {
		return record{}, fmt.Errorf("the key has %d bytes, more than %d", len(key), katakv.MaxKeyBytes)
	}
	return record{key: key, value: line}, nil
}
