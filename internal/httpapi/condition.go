package httpapi

import (
	"net/http"
	"strings"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// quote makes an entity tag of a revision.
func quote(revision string) string { return `"` + revision + `"` }

// setCondition makes a write conditional as its headers say. A condition that is not understood is refused: to ignore
// one is to overwrite what the client wanted to keep.
func setCondition(op *command.Operation, h http.Header) *katakv.Error {
	match, noneMatch := h.Values("If-Match"), h.Values("If-None-Match")
	switch {
	case len(h.Values("If-Unmodified-Since")) > 0:
		return katakv.Errorf(katakv.CodeUnsupported, "records have no times for If-Unmodified-Since: use If-Match with the ETag of a GET")
	case len(match)+len(noneMatch) > 1:
		return katakv.Errorf(katakv.CodeInvalid, "more than one condition: send one If-Match or one If-None-Match")
	case len(noneMatch) == 1 && op.Kind == command.KindSetIf && noneMatch[0] == "*":
		op.Flags = command.FlagNX
	case len(noneMatch) == 1 && op.Kind == command.KindSetIf:
		return katakv.Errorf(katakv.CodeInvalid, "If-None-Match of a PUT must be *, which stands for no record: to write over a known one, use If-Match")
	case len(noneMatch) == 1:
		return katakv.Errorf(katakv.CodeInvalid, "If-None-Match means nothing for a DELETE: use If-Match")
	case len(match) == 1 && match[0] == "*":
		op.Flags = command.FlagXX
	case len(match) == 1:
		tag := match[0]
		revision, err := katakv.ParseRevision(strings.Trim(tag, `"`))
		if err != nil || tag != quote(revision.String()) {
			return katakv.Errorf(katakv.CodeInvalid, `If-Match %.40q is neither * nor one revision in quotes, such as "4711-0"`, tag)
		}
		op.Flags, op.Delta = command.FlagRevision, int64(revision)
	}
	return nil
}

// names reports whether the lines of an If-Match or If-None-Match name a record that is there. Tags that no KataKV made
// fit nothing. A weak tag, as a cache on the way may make of a strong one, counts only if weak.
func names(lines []string, revision katakv.Revision, weak bool) bool {
	for _, line := range lines {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimSpace(tag)
			if weak {
				tag = strings.TrimPrefix(tag, "W/")
			}
			if tag == "*" || tag == quote(revision.String()) {
				return true
			}
		}
	}
	return false
}
