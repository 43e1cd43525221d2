package httpapi

import (
	"net/http"
	"strings"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// headerRequestID is the name that a draft of the IETF's HTTPAPI working group gives to the header for a request id
// (draft-ietf-httpapi-idempotency-key-header).
const headerRequestID = "Idempotency-Key"

// setRequestID gives a write the request id of its headers, if they hold one. The draft writes it as a string of
// structured fields (RFC 9651), "8e03978e" with the quotes; most programs leave them out. Both are the same id.
func setRequestID(op *command.Operation, h http.Header) *katakv.Error {
	lines := h.Values(headerRequestID)
	if len(lines) == 0 {
		return nil
	}
	if len(lines) > 1 {
		return katakv.Errorf(katakv.CodeInvalid, "%s is given %d times: send one", headerRequestID, len(lines))
	}
	id := lines[0]
	if strings.HasPrefix(id, `"`) {
		var ok bool
		if id, ok = unquote(id); !ok {
			return katakv.Errorf(katakv.CodeInvalid, `%s %.40q begins with a quote and is no string: write "id", with \" and \\ within`,
				headerRequestID, id)
		}
	}
	if err := op.WithID([]byte(id)); err != nil {
		return katakv.Errorf(err.Code, "%s: %s", headerRequestID, err.Message)
	}
	return nil
}

// unquote reads a string of structured fields. If it is none it is returned as it is.
func unquote(text string) (string, bool) {
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			if i == len(text)-1 {
				return out.String(), true
			}
			return text, false
		case c == '\\':
			i++
			if i == len(text) || text[i] != '"' && text[i] != '\\' {
				return text, false
			}
			c = text[i]
		case c < ' ' || c > '~':
			return text, false
		}
		out.WriteByte(c)
	}
	return text, false
}
