package httpapi

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

// FuzzTarget takes any path and query, as far as net/http lets them through.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		"/v1/kv/a", "/v1/kv/a/b", "/v1/kv/a%2Fb", "/v1/kv/", "/v1/kv//", "/v1/kv/%00%ff", "/v1/kv/k?x", "/v1/kv?prefix=a&start=%00&limit=7",
		"/v1/kv?limit=0", "/v1/kv?prefix=%zz", "/v1/kv?a;b", "/v1/kv?prefix=a&prefix=b", "/v1/kv/..", "/v1/kv?start=",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !Owns(&http.Request{URL: u}) {
			return
		}
		if key, refusal := keyOf(u); refusal == nil && u.EscapedPath() != Path {
			again, err := url.ParseRequestURI(Path + "/" + url.PathEscape(string(key)))
			if err != nil {
				t.Fatalf("key %q cannot be named: %v", key, err)
			}
			got, refusal := keyOf(again)
			if refusal != nil || !bytes.Equal(got, key) || len(key) == 0 || len(key) > katakv.MaxKeyBytes {
				t.Fatalf("got %q, %v; want %q", got, refusal, key)
			}
		}
		ask, refusal := listingOf(u.RawQuery)
		if refusal != nil {
			if refusal.Message == "" {
				t.Fatal("refused without a word")
			}
			return
		}
		for _, key := range [][]byte{nil, {}, []byte("k"), {0xff, '&', '='}, ask.start} {
			next, err := url.ParseRequestURI(ask.after(key))
			if err != nil {
				t.Fatalf("next %q: %v", ask.after(key), err)
			}
			got, refusal := listingOf(next.RawQuery)
			if refusal != nil || !bytes.Equal(got.start, key) || got.started != (key != nil) || !bytes.Equal(got.prefix, ask.prefix) || got.limit != ask.limit {
				t.Fatalf("next of %+v behind %q: got %+v, %v", ask, key, got, refusal)
			}
		}
	})
}

// FuzzConditions takes any header. What is accepted is one condition, and a write with it is well formed.
func FuzzConditions(f *testing.F) {
	for _, tag := range []string{"", "*", `"4711-0"`, `W/"4711-0"`, `"4711-0", "4712-0"`, `"x"`, `""`, `"`, `"8796093022207-1048575"`, "4711-0"} {
		f.Add(tag, "", true, false, true)
		f.Add("", tag, false, true, true)
		f.Add(tag, tag, true, true, false)
	}
	f.Fuzz(func(t *testing.T, match, noneMatch string, hasMatch, hasNoneMatch, put bool) {
		h := http.Header{}
		if hasMatch {
			h.Add("If-Match", match)
		}
		if hasNoneMatch {
			h.Add("If-None-Match", noneMatch)
		}
		op := command.Operation{Kind: command.KindDelIf, Keys: [][]byte{[]byte("k")}}
		if put {
			op.Kind, op.Values = command.KindSetIf, [][]byte{nil}
		}
		if refusal := setCondition(&op, h); refusal != nil {
			return
		}
		if err := op.Check(); err != nil {
			t.Fatalf("%v: %v", h, err)
		}
		if (op.Flags != 0) != (hasMatch || hasNoneMatch) {
			t.Fatalf("%v: flags %d", h, op.Flags)
		}
		if op.Flags == command.FlagRevision && !names([]string{match}, katakv.Revision(op.Delta), false) {
			t.Fatalf("%q is accepted as %v, which it does not name", match, katakv.Revision(op.Delta))
		}
	})
}

// FuzzRecord writes any record: its line is JSON, and the record can be read out of it.
func FuzzRecord(f *testing.F) {
	for _, s := range []string{"", "user:1", "\xff\x00", "é\u2028\x7f", "a\"b\\c\nd\x1f", "\xed\xa0\x80", "</script>"} {
		f.Add([]byte(s), []byte(s+s))
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		var buffer bytes.Buffer
		out := bufio.NewWriterSize(&buffer, 16)
		writeRecord(out, &command.Record{Key: key, Value: value, Revision: 7 << 20})
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(buffer.Bytes(), &got); err != nil || strings.Count(buffer.String(), "\n") != 1 {
			t.Fatalf("%q: %v", buffer.String(), err)
		}
		for name, want := range map[string][]byte{"key": key, "value": value} {
			text, plain := got[name]
			if !plain {
				decoded, err := base64.StdEncoding.DecodeString(got[name+"Base64"])
				if err != nil {
					t.Fatal(err)
				}
				text = string(decoded)
			}
			if text != string(want) {
				t.Fatalf("%s: got %q, want %q", name, text, want)
			}
		}
		if got["revision"] != "7-0" || len(got) != 3 {
			t.Fatalf("got %v", got)
		}
	})
}

// FuzzHeaders takes any Idempotency-Key and level. What is accepted keeps its limits, and an id written as a string of
// structured fields is the same id.
func FuzzHeaders(f *testing.F) {
	for _, text := range []string{"", "order-17", `"order-17"`, `"a\"b\\"`, `"`, `"a"b`, `"\a"`, strings.Repeat("x", 129), "\xff", `""`} {
		f.Add(text, "bounded 500ms")
		f.Add("id", text)
	}
	for _, level := range []string{"strong", "Strong replica", "session", "bounded", "bounded 1h", "bounded 0", "eventual replica", "\xff"} {
		f.Add("id", level)
	}
	f.Fuzz(func(t *testing.T, id, level string) {
		op := command.Operation{Kind: command.KindDelIf, Keys: [][]byte{[]byte("k")}}
		if refusal := setRequestID(&op, http.Header{headerRequestID: {id}}); refusal == nil {
			if err := op.Check(); err != nil || op.Once == nil {
				t.Fatalf("%q: %v", id, err)
			}
			quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(op.Once.ID)) + `"`
			again := command.Operation{Kind: command.KindDelIf, Keys: op.Keys}
			refusal := setRequestID(&again, http.Header{headerRequestID: {quoted}})
			if refusal == nil && !bytes.Equal(again.Once.ID, op.Once.ID) {
				t.Fatalf("%q is the id %q, and %s another one, %q", id, op.Once.ID, quoted, again.Once.ID)
			}
		}
		r := &http.Request{URL: &url.URL{}, Header: http.Header{headerConsistency: {level}}}
		c, refusal := consistencyOf(r, katakv.Consistency{})
		r = &http.Request{URL: &url.URL{RawQuery: url.Values{paramConsistency: {level}}.Encode()}}
		c2, refusal2 := consistencyOf(r, katakv.Consistency{})
		if c != c2 || (refusal == nil) != (refusal2 == nil) {
			t.Fatalf("%q: as a header %v, %v, as a parameter %v, %v", level, c, refusal, c2, refusal2)
		}
		if refusal == nil && !c.Valid() {
			t.Fatalf("%q is accepted as %+v", level, c)
		}
	})
}
