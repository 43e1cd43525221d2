package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/httpapi"
)

// line is any line of a listing.
type line struct {
	Key, Value  *string
	KeyBase64   []byte
	ValueBase64 []byte
	Revision    string
	End         *bool
	Next        string
	Level       string
	AgeMs       *int64
	Session     string
	Error       *httpapi.Problem
}

// listed is a whole listing.
type listed struct {
	values    map[string]string
	revisions map[string]string
	order     []string
	last      line
}

// list reads one listing to its end.
func (d *door) list(target string) listed {
	d.t.Helper()
	a := d.ask("GET", target, "")
	if a.status != 200 || a.header.Get("Content-Type") != "application/x-ndjson" {
		d.t.Fatalf("GET %s: got %d %s", target, a.status, a.body)
	}
	return parseListing(d.t, a.body)
}

func parseListing(t *testing.T, body string) listed {
	t.Helper()
	out := listed{values: map[string]string{}, revisions: map[string]string{}}
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	for i, text := range lines {
		var l line
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&l); err != nil {
			t.Fatalf("line %d, %q: %v", i, clip(text), err)
		}
		if l.End != nil {
			if i != len(lines)-1 {
				t.Fatalf("line %d of %d is the last", i, len(lines))
			}
			out.last = l
			return out
		}
		key, value := string(l.KeyBase64), string(l.ValueBase64)
		if l.Key != nil {
			key = *l.Key
		}
		if l.Value != nil {
			value = *l.Value
		}
		if (l.Key != nil) == (l.KeyBase64 != nil) || (l.Value != nil) == (l.ValueBase64 != nil) {
			t.Fatalf("line %d, %q: not exactly one form of key and value", i, clip(text))
		}
		if _, twice := out.values[key]; twice {
			t.Fatalf("key %q is listed twice", key)
		}
		out.values[key], out.revisions[key] = value, l.Revision
		out.order = append(out.order, key)
	}
	t.Fatalf("the last line is missing: %d lines", len(lines))
	return listed{}
}

// fill stores random keys of a few prefixes, and returns what is there.
func (d *door) fill(n int) (values, tags map[string]string) {
	values, tags = map[string]string{}, map[string]string{}
	rng := rand.New(rand.NewPCG(3, 3))
	prefixes := []string{"user:", "user:é", "a/b/", "{tag}x", "\xff\xfe", "\x00\n", `q"\`, "<&>"}
	for i := range n {
		key := prefixes[i%len(prefixes)] + fmt.Sprint(rng.IntN(100000))
		values[key] = strings.Repeat(prefixes[(i/3)%len(prefixes)], i%7)
		a := d.ask("PUT", "/v1/kv/"+url.PathEscape(key), values[key])
		if a.status != 200 {
			d.t.Fatalf("PUT %q: %+v", key, a)
		}
		tags[key] = strings.Trim(a.header.Get("ETag"), `"`)
	}
	return values, tags
}

func (l *listed) want(t *testing.T, what, prefix string, values, tags map[string]string) {
	t.Helper()
	n := 0
	for key, value := range values {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		n++
		if got, ok := l.values[key]; !ok || got != value || l.revisions[key] != tags[key] {
			t.Errorf("%s: %q is %q at %s, want %q at %s", what, key, clip(got), l.revisions[key], clip(value), tags[key])
		}
	}
	if n != len(l.values) {
		t.Errorf("%s: %d records, want %d", what, len(l.values), n)
	}
}

func TestListing(t *testing.T) {
	d := open(t, httpapi.Config{})
	if l := d.list("/v1/kv"); len(l.values) != 0 || !*l.last.End {
		t.Errorf("of nothing: got %+v", l)
	}
	values, tags := d.fill(400)
	d.node.execute(&command.Operation{Kind: command.KindSet, Keys: [][]byte{{}}, Values: [][]byte{[]byte("the empty key")}})
	values[""] = "the empty key"
	all := d.list("/v1/kv")
	tags[""] = all.revisions[""]
	all.want(t, "everything", "", values, tags)
	for _, prefix := range []string{"user:", "user:é", "a/b", "{tag}", "\xff", "\x00", `q"`, "<", "nobody", "{nobody}", "user:1"} {
		l := d.list("/v1/kv?prefix=" + url.QueryEscape(prefix))
		l.want(t, fmt.Sprintf("prefix %q", prefix), prefix, values, tags)
		if !*l.last.End || l.last.Next != "" {
			t.Errorf("prefix %q ends with %+v", prefix, l.last)
		}
		// The same by pieces, each begun where the one before says.
		for _, limit := range []int{1, 7, 1000} {
			pieces := listed{values: map[string]string{}, revisions: map[string]string{}}
			target := fmt.Sprintf("/v1/kv?limit=%d&prefix=%s", limit, url.QueryEscape(prefix))
			for target != "" {
				piece := d.list(target)
				if len(piece.order) > limit || (len(piece.order) < limit) != *piece.last.End && len(piece.order) != limit {
					t.Fatalf("%s: %d records, the last line is %+v", target, len(piece.order), piece.last)
				}
				for _, key := range piece.order {
					if _, twice := pieces.values[key]; twice {
						t.Fatalf("%s: %q is listed again", target, key)
					}
					pieces.values[key], pieces.revisions[key] = piece.values[key], piece.revisions[key]
				}
				target = piece.last.Next
			}
			pieces.want(t, fmt.Sprintf("prefix %q by %d", prefix, limit), prefix, values, tags)
		}
	}
	// A client whose connection broke goes on behind the last key that it saw.
	for _, at := range []int{0, 1, len(all.order) / 2, len(all.order) - 2} {
		rest := d.list("/v1/kv?start=" + url.QueryEscape(all.order[at]))
		if strings.Join(rest.order, " ") != strings.Join(all.order[at+1:], " ") {
			t.Errorf("behind record %d: got %d records, want %d", at, len(rest.order), len(all.order)-at-1)
		}
	}
}

func TestListingThatIsRefused(t *testing.T) {
	d := open(t, httpapi.Config{})
	for query, want := range map[string]struct {
		status int
		words  string
	}{
		"limit=0":                                {400, "no positive number"},
		"limit=-1":                               {400, "no positive number"},
		"limit=":                                 {400, "no positive number"},
		"limit=ten":                              {400, "no positive number"},
		"prefiks=a":                              {400, "no parameter"},
		"prefix=a&prefix=b":                      {400, "2 times"},
		"prefix=%zz":                             {400, "percent-encoded"},
		"a;b":                                    {400, "percent-encoded"},
		"start=" + strings.Repeat("x", 64<<10+1): {413, "65537 bytes"},
	} {
		d.ask("GET", "/v1/kv?"+query, "").want(t, clip(query), want.status, want.words)
	}
	for _, method := range []string{"PUT", "POST", "DELETE", "HEAD"} {
		d.ask(method, "/v1/kv", "").want(t, method, 405, "")
	}
}

// TestListingThatFails fails at its third page: the lines say so, and where to go on.
func TestListingThatFails(t *testing.T) {
	d := open(t, httpapi.Config{})
	values, tags := d.fill(100)
	pages := 0
	d.node.before = func(op *command.Operation) *command.Reply {
		pages++
		if pages != 3 {
			return nil
		}
		reply := command.ErrorReply(katakv.Errorf(katakv.CodeClusterDown, "no leader"))
		return &reply
	}
	first := d.list("/v1/kv?limit=1000")
	if *first.last.End || first.last.Error == nil || first.last.Error.Code != "cluster-down" || len(first.order) == 0 {
		t.Fatalf("got %d records and %+v", len(first.order), first.last)
	}
	second := d.list(first.last.Next)
	for key, value := range second.values {
		if _, twice := first.values[key]; twice {
			t.Errorf("%q is listed again", key)
		}
		first.values[key], first.revisions[key] = value, second.revisions[key]
	}
	first.want(t, "both", "", values, tags)
	// Before anything was read, the status tells, and a listing that found nothing begins again.
	pages = 2
	d.ask("GET", "/v1/kv", "").want(t, "the first page", 503, "cluster-down")
	pages = 1
	failed := d.list("/v1/kv?prefix=nobody")
	if failed.last.Next != "/v1/kv?prefix=nobody" {
		t.Errorf("got %+v", failed.last)
	}
}

// TestListingIsStreamed has more than memory may hold.
func TestListingIsStreamed(t *testing.T) {
	d := open(t, httpapi.Config{})
	value := bytes.Repeat([]byte("v"), 900<<10)
	var served atomic.Int64
	const pages = 150 // 135 MiB
	d.node.before = func(op *command.Operation) *command.Reply {
		n := int(served.Add(1))
		page := command.Page{Next: n, Records: []command.Record{{Key: fmt.Appendf(nil, "key%d", n), Revision: 1 << 20, Value: value}}}
		if n == pages {
			page.Next = katakv.SlotCount
		}
		reply := page.Reply()
		return &reply
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", d.url+"/v1/kv", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines, n := bufio.NewReaderSize(response.Body, 2<<20), 0
	for {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 && served.Load() > 40 {
			t.Errorf("%d pages were read before the first line was", served.Load())
		}
		if n <= pages && len(line) < len(value) {
			t.Fatalf("line %d: %d bytes", n, len(line))
		}
	}
	if n != pages+1 {
		t.Errorf("%d lines", n)
	}
}
