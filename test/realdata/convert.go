package realdata

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// nameField is the field that names a record; in the index it is "Package".
const (
	nameField  = "name"
	indexField = "package"
)

// Convert reads a package index, stanzas of "Field: text" lines with continuation lines that begin with a blank,
// and writes one record a stanza. Field names become lower case; line breaks within a text are kept. It returns
// the number of records. Source: deb822(5).
func Convert(in io.Reader, out io.Writer) (records int, err error) {
	w := newWriter(out)
	reader := bufio.NewReader(in)
	fields := map[string]string{}
	last := ""
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return w.records, fmt.Errorf("read the index: %w", err)
		}
		ended := err != nil
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(bytes.TrimSpace(line)) == 0:
			if err := w.stanza(fields); err != nil {
				return w.records, fmt.Errorf("line %d: %w", number, err)
			}
			fields, last = map[string]string{}, ""
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return w.records, fmt.Errorf("line %d: continues nothing", number)
			}
			fields[last] += "\n" + string(line[1:])
		default:
			name, text, ok := strings.Cut(string(line), ":")
			if !ok {
				return w.records, fmt.Errorf("line %d: no colon in %q", number, line)
			}
			last = strings.ToLower(name)
			fields[last] = strings.TrimSpace(text)
		}
		if ended {
			if err := w.stanza(fields); err != nil {
				return w.records, fmt.Errorf("line %d: %w", number, err)
			}
			return w.records, w.out.Flush()
		}
	}
}

// writer writes records under names that do not repeat.
type writer struct {
	out     *bufio.Writer
	encoder *json.Encoder
	seen    map[string]bool
	records int
}

func newWriter(out io.Writer) *writer {
	buffered := bufio.NewWriterSize(out, 64<<10)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	return &writer{out: buffered, encoder: encoder, seen: map[string]bool{}}
}

// stanza writes a stanza as a record; an empty one is nothing.
func (w *writer) stanza(fields map[string]string) error {
	if len(fields) == 0 {
		return nil
	}
	name := fields[indexField]
	if name == "" {
		return errors.New("a stanza without a package")
	}
	delete(fields, indexField)
	fields[nameField] = w.unique(name, fields["version"], fields["architecture"])
	w.records++
	if err := w.encoder.Encode(fields); err != nil { // sorts by field
		return fmt.Errorf("write a record: %w", err)
	}
	return nil
}

func (w *writer) unique(name, version, architecture string) string {
	unique := name
	for n := 1; w.seen[unique]; n++ {
		unique = name + "_" + version + "_" + architecture
		if n > 1 {
			unique += fmt.Sprintf("_%d", n)
		}
	}
	w.seen[unique] = true
	return unique
}
