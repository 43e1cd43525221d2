package httpapi

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/katakv/katakv"
)

// keyOf returns the key that a path below Path names: everything behind the slash, percent-decoded. A slash in a key
// may be escaped or not.
func keyOf(u *url.URL) ([]byte, *katakv.Error) {
	if values, err := url.ParseQuery(u.RawQuery); err != nil || len(values) > 1 || u.RawQuery != "" && values[paramConsistency] == nil {
		return nil, katakv.Errorf(katakv.CodeInvalid,
			"a key takes no parameter but %q: a ? that belongs to the key is written %%3F", paramConsistency)
	}
	key, err := url.PathUnescape(strings.TrimPrefix(u.EscapedPath(), Path+"/"))
	switch {
	case err != nil:
		return nil, katakv.Errorf(katakv.CodeInvalid, "the key is not percent-encoded: %v", err)
	case key == "":
		return nil, katakv.Errorf(katakv.CodeInvalid, "the key is empty: name one, as in %s/user:1", Path)
	case len(key) > katakv.MaxKeyBytes:
		return nil, katakv.Errorf(katakv.CodeTooLarge, "key of %d bytes is over the limit of %d bytes", len(key), katakv.MaxKeyBytes)
	}
	return []byte(key), nil
}

// listing is what a listing asks for.
type listing struct {
	prefix []byte
	// start is the key behind which the listing begins, if started.
	start   []byte
	started bool
	// limit is how many records are wanted, zero for all.
	limit uint64
	// consistency is the level of the parameters, empty without; next repeats it. consistencyOf reads it.
	consistency string
}

// listingOf reads the parameters of a listing.
func listingOf(rawQuery string) (*listing, *katakv.Error) {
	l := &listing{}
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, katakv.Errorf(katakv.CodeInvalid, "the parameters are not percent-encoded: %v", err)
	}
	for name, given := range values {
		if len(given) > 1 {
			return nil, katakv.Errorf(katakv.CodeInvalid, "parameter %q is given %d times", name, len(given))
		}
		value := given[0]
		switch name {
		case "prefix":
			l.prefix = []byte(value)
		case "start":
			l.start, l.started = []byte(value), true
		case "limit":
			if l.limit, err = strconv.ParseUint(value, 10, 63); err != nil || l.limit == 0 {
				return nil, katakv.Errorf(katakv.CodeInvalid, "limit %q is no positive number: leave it out to list everything", value)
			}
		case paramConsistency:
			l.consistency = value
		default:
			return nil, katakv.Errorf(katakv.CodeInvalid, "there is no parameter %q: use prefix, start, limit and consistency", name)
		}
		if len(value) > katakv.MaxKeyBytes {
			return nil, katakv.Errorf(katakv.CodeTooLarge, "%s of %d bytes is over the limit of keys, %d bytes", name, len(value), katakv.MaxKeyBytes)
		}
	}
	return l, nil
}

// after returns the path and query of the listing that goes on behind key; nil is before all keys.
func (l *listing) after(key []byte) string {
	values := url.Values{}
	if key != nil {
		values.Set("start", string(key))
	}
	if len(l.prefix) > 0 {
		values.Set("prefix", string(l.prefix))
	}
	if l.limit > 0 {
		values.Set("limit", strconv.FormatUint(l.limit, 10))
	}
	if l.consistency != "" {
		values.Set(paramConsistency, l.consistency)
	}
	return strings.TrimSuffix(Path+"?"+values.Encode(), "?")
}
