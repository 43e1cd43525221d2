package httpapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/katakv/katakv"
)

// paramConsistency is the parameter that says what headerConsistency says, for those who can only write addresses.
const paramConsistency = "consistency"

// consistencyOf returns what the reads of a request ask for: what its header or its parameter says, else usual. A
// level that is not understood is refused: to ignore one is to answer something staler than was asked for.
func consistencyOf(r *http.Request, usual katakv.Consistency) (katakv.Consistency, *katakv.Error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return usual, katakv.Errorf(katakv.CodeInvalid, "the parameters are not percent-encoded: %v", err)
	}
	given := append(r.Header.Values(headerConsistency), values[paramConsistency]...)
	switch len(given) {
	case 0:
		return usual, nil
	case 1:
	default:
		return usual, katakv.Errorf(katakv.CodeInvalid, "the level is given %d times: send one %s, or one parameter %q",
			len(given), headerConsistency, paramConsistency)
	}
	level, err := katakv.ParseConsistency(strings.ToValidUTF8(given[0], "?"))
	if err != nil {
		return usual, katakv.Errorf(katakv.CodeInvalid, "%s: %.300v", headerConsistency, err)
	}
	return level, nil
}
