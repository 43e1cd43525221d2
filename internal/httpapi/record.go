package httpapi

import (
	"bufio"
	"encoding/base64"
	"unicode/utf8"

	"github.com/katakv/katakv/internal/command"
)

// writeRecord writes a record as a line of JSON. A key or value that is UTF-8 is written as text; other bytes are
// written as base64, in a field of another name:
//
//	{"key":"user:1","revision":"4711-0","value":"Alice"}
//	{"keyBase64":"/w==","revision":"4712-0","valueBase64":"AP8="}
//
// Values are large, so nothing of them is copied. Errors stay in out.
func writeRecord(out *bufio.Writer, r *command.Record) {
	_ = out.WriteByte('{')
	writeField(out, "key", r.Key)
	_, _ = out.WriteString(`,"revision":"` + r.Revision.String() + `",`)
	writeField(out, "value", r.Value)
	_, _ = out.WriteString("}\n")
}

func writeField(out *bufio.Writer, name string, data []byte) {
	if utf8.Valid(data) {
		_, _ = out.WriteString(`"` + name + `":"`)
		writeText(out, data)
	} else {
		_, _ = out.WriteString(`"` + name + `Base64":"`)
		encoder := base64.NewEncoder(base64.StdEncoding, out)
		_, _ = encoder.Write(data)
		_ = encoder.Close()
	}
	_ = out.WriteByte('"')
}

// writeText writes UTF-8 as the inside of a JSON string.
func writeText(out *bufio.Writer, text []byte) {
	const hex = "0123456789abcdef"
	control := []byte(`\u00__`)
	clean := 0 // the start of what needs no escape
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		_, _ = out.Write(text[clean:i])
		clean = i + 1
		if c >= ' ' {
			_ = out.WriteByte('\\')
			_ = out.WriteByte(c)
		} else {
			control[4], control[5] = hex[c>>4], hex[c&15]
			_, _ = out.Write(control)
		}
	}
	_, _ = out.Write(text[clean:])
}
