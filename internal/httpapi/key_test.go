package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/httpapi"
)

// want checks a status, and of a failure that its body is as promised. words must be in the body.
func (a answer) want(t *testing.T, what string, status int, words string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, words) {
		t.Errorf("%s: got %d %q, want %d and %q", what, a.status, a.body, status, words)
	}
	if a.status < 400 || a.body == "" {
		return
	}
	var problem httpapi.Problem
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || problem.Code == "" || problem.Message == "" ||
		(problem.Outcome != "not-applied" && problem.Outcome != "unknown") {
		t.Errorf("%s: the body %q is no problem: %v", what, a.body, err)
	}
	if a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: content type %q", what, a.header.Get("Content-Type"))
	}
	if retry := a.header.Get("Retry-After"); (retry != "") != (status == 503) {
		t.Errorf("%s: status %d with Retry-After %q", what, status, retry)
	}
}

func TestPutGetDelete(t *testing.T) {
	d := open(t, httpapi.Config{})
	d.ask("GET", "/v1/kv/k", "").want(t, "GET before", 404, "not-found")
	d.ask("DELETE", "/v1/kv/k", "").want(t, "DELETE before", 404, "not-found")
	put := d.ask("PUT", "/v1/kv/k", "a\x00\xffb")
	put.want(t, "PUT", 200, `{"revision":"`)
	tag := put.header.Get("ETag")
	if !strings.Contains(put.body, `{"revision":`+tag+`}`) {
		t.Errorf("PUT: ETag %s, body %s", tag, put.body)
	}
	got := d.ask("GET", "/v1/kv/k", "")
	got.want(t, "GET", 200, "a\x00\xffb")
	for name, want := range map[string]string{
		"ETag": tag, "Content-Type": "application/octet-stream", "Content-Length": "4", "Cache-Control": "no-cache",
	} {
		if got.header.Get(name) != want {
			t.Errorf("GET: %s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	head := d.ask("HEAD", "/v1/kv/k", "")
	if head.status != 200 || head.body != "" || head.header.Get("ETag") != tag || head.header.Get("Content-Length") != "4" {
		t.Errorf("HEAD: got %+v", head)
	}
	if a := d.ask("HEAD", "/v1/kv/none", ""); a.status != 404 || a.body != "" {
		t.Errorf("HEAD of nothing: got %+v", a)
	}
	deleted := d.ask("DELETE", "/v1/kv/k", "")
	if deleted.status != 204 || deleted.body != "" {
		t.Errorf("DELETE: got %+v", deleted)
	}
	d.ask("GET", "/v1/kv/k", "").want(t, "GET after", 404, "not-found")
	d.ask("PUT", "/v1/kv/empty", "").want(t, "PUT of nothing", 200, "revision")
	if a := d.ask("GET", "/v1/kv/empty", ""); a.status != 200 || a.body != "" || a.header.Get("Content-Length") != "0" {
		t.Errorf("GET of nothing: got %+v", a)
	}
}

func TestConditions(t *testing.T) {
	d := open(t, httpapi.Config{})
	put := func(what string, status int, headers ...string) string {
		t.Helper()
		a := d.ask("PUT", "/v1/kv/k", what, headers...)
		a.want(t, what, status, "")
		return a.header.Get("ETag")
	}
	put("present", 412, "If-Match", "*")
	put("at a revision", 412, "If-Match", `"11-0"`)
	first := put("absent", 200, "If-None-Match", "*")
	if tag := put("absent again", 412, "If-None-Match", "*"); tag != first {
		t.Errorf("the record is at %s, a failed condition tells %s", first, tag)
	}
	second := put("at the first", 200, "If-Match", first)
	put("at the first again", 412, "If-Match", first)
	third := put("present", 200, "If-Match", "*")
	if first == second || second == third {
		t.Errorf("revisions repeat: %s, %s, %s", first, second, third)
	}
	get := func(status int, headers ...string) {
		t.Helper()
		a := d.ask("GET", "/v1/kv/k", "", headers...)
		a.want(t, strings.Join(headers, " "), status, "")
		if status < 400 && a.header.Get("ETag") != third {
			t.Errorf("%v: ETag %s, want %s", headers, a.header.Get("ETag"), third)
		}
		if status == 304 && a.body != "" {
			t.Errorf("%v: 304 with a body", headers)
		}
	}
	get(304, "If-None-Match", third)
	get(304, "If-None-Match", "W/"+third)
	get(304, "If-None-Match", `"foreign", `+third)
	get(304, "If-None-Match", first, "If-None-Match", third)
	get(304, "If-None-Match", "*")
	get(200, "If-None-Match", second)
	get(200, "If-None-Match", `"foreign"`)
	get(200, "If-Modified-Since", "Sat, 29 Oct 1994 19:43:31 GMT")
	get(200, "If-Match", third)
	get(200, "If-Match", "*")
	get(412, "If-Match", second)
	get(412, "If-Match", "W/"+third)
	d.ask("GET", "/v1/kv/none", "", "If-Match", "*").want(t, "If-Match of nothing", 412, "no such key")
	d.ask("GET", "/v1/kv/none", "", "If-None-Match", "*").want(t, "If-None-Match of nothing", 404, "")
	d.ask("DELETE", "/v1/kv/k", "", "If-Match", second).want(t, "DELETE at the second", 412, strings.Trim(third, `"`))
	d.ask("DELETE", "/v1/kv/none", "", "If-Match", "*").want(t, "DELETE of nothing", 412, "no such key")
	if a := d.ask("DELETE", "/v1/kv/k", "", "If-Match", third); a.status != 204 {
		t.Errorf("DELETE at the third: got %+v", a)
	}
	fourth := put("absent", 200, "If-None-Match", "*")
	if fourth == first || fourth == third {
		t.Errorf("the revision %s came back after the key was deleted", fourth)
	}
}

func TestConditionsThatAreRefused(t *testing.T) {
	d := open(t, httpapi.Config{})
	tag := d.ask("PUT", "/v1/kv/k", "kept").header.Get("ETag")
	for _, c := range []struct {
		method  string
		status  int
		words   string
		headers []string
	}{
		{"PUT", 400, "in quotes", []string{"If-Match", strings.Trim(tag, `"`)}},
		{"PUT", 400, "in quotes", []string{"If-Match", "W/" + tag}},
		{"PUT", 400, "in quotes", []string{"If-Match", tag + ", " + tag}},
		{"PUT", 400, "in quotes", []string{"If-Match", `"abc"`}},
		{"PUT", 400, "in quotes", []string{"If-Match", ""}},
		{"PUT", 400, "in quotes", []string{"If-Match", `"` + tag + `"`}},
		{"PUT", 400, "in quotes", []string{"If-Match", `"0-0"`}},
		{"PUT", 400, "more than one", []string{"If-Match", tag, "If-Match", tag}},
		{"PUT", 400, "more than one", []string{"If-Match", tag, "If-None-Match", "*"}},
		{"PUT", 400, "must be *", []string{"If-None-Match", tag}},
		{"DELETE", 400, "means nothing", []string{"If-None-Match", "*"}},
		{"PUT", 501, "no times", []string{"If-Unmodified-Since", "Sat, 29 Oct 2094 19:43:31 GMT"}},
		{"DELETE", 501, "no times", []string{"If-Unmodified-Since", ""}},
		{"PUT", 501, "Content-Encoding", []string{"Content-Encoding", "gzip"}},
		{"PUT", 501, "Content-Range", []string{"Content-Range", "bytes 0-1/2"}},
	} {
		a := d.ask(c.method, "/v1/kv/k", "changed", c.headers...)
		a.want(t, c.method+" "+strings.Join(c.headers, " "), c.status, c.words)
		if !strings.Contains(a.body, `"not-applied"`) {
			t.Errorf("%s %v: got %s", c.method, c.headers, a.body)
		}
	}
	d.ask("GET", "/v1/kv/k", "").want(t, "the value", 200, "kept")
}

func TestKeysAreBytes(t *testing.T) {
	d := open(t, httpapi.Config{})
	long := strings.Repeat("k", katakv.MaxKeyBytes)
	for target, key := range map[string]string{
		"a/b": "a/b", "a%2Fb/c": "a/b/c", "a//b": "a//b", "/": "/", "a/../b": "a/../b", "%2e%2e/x": "../x", "a+b": "a+b", "a%20b": "a b",
		"%00%ff": "\x00\xff", "%3F": "?", "%25": "%", "%2525": "%25", "caf%C3%A9": "café", ";,=@:": ";,=@:", "a%23": "a#",
		long: long, strings.Repeat("%ff", katakv.MaxKeyBytes): strings.Repeat("\xff", katakv.MaxKeyBytes),
	} {
		d.ask("PUT", "/v1/kv/"+target, "value of "+target).want(t, "PUT "+clip(target), 200, "")
		op := &command.Operation{Kind: command.KindGet, Keys: [][]byte{[]byte(key)}}
		if r := d.node.execute(op); string(r.Bulk) != "value of "+target {
			t.Errorf("PUT %s: the key %q holds %q", clip(target), clip(key), clip(string(r.Bulk)))
		}
		if a := d.ask("GET", "/v1/kv/"+url.PathEscape(key), ""); a.body != "value of "+target {
			t.Errorf("GET %s: got %d %q", clip(target), a.status, clip(a.body))
		}
	}
	d.ask("PUT", "/v1/kv/", "x").want(t, "no key", 400, "empty")
	d.ask("GET", "/v1/kv/", "").want(t, "no key", 400, "empty")
	d.ask("GET", "/v1/kv/"+long+"k", "").want(t, "long key", 413, "65537 bytes")
	d.ask("PUT", "/v1/kv/k?ttl=10", "x").want(t, "parameters", 400, "no parameter but")
	for _, method := range []string{"POST", "PATCH", "OPTIONS"} {
		a := d.ask(method, "/v1/kv/k", "x")
		a.want(t, method, 405, "method")
		if a.header.Get("Allow") != "GET, HEAD, PUT, DELETE" {
			t.Errorf("%s: Allow %q", method, a.header.Get("Allow"))
		}
	}
}

func clip(s string) string { return s[:min(len(s), 60)] }

// TestFailuresTellTheOutcome lets the node fail in every way that there is.
func TestFailuresTellTheOutcome(t *testing.T) {
	d := open(t, httpapi.Config{})
	for code, want := range map[katakv.Code]struct {
		status  int
		outcome string
	}{
		katakv.CodeInternal:    {500, "unknown"},
		katakv.CodeInvalid:     {400, "not-applied"},
		katakv.CodeWrongType:   {409, "not-applied"},
		katakv.CodeTooLarge:    {413, "not-applied"},
		katakv.CodeUnsupported: {501, "not-applied"},
		katakv.CodeNotLeader:   {503, "not-applied"},
		katakv.CodeTryAgain:    {503, "not-applied"},
		katakv.CodeClusterDown: {503, "not-applied"},
		katakv.CodeLoading:     {503, "not-applied"},
		katakv.CodeUnknown:     {504, "unknown"},
		katakv.CodeReadOnly:    {507, "not-applied"},
	} {
		d.node.before = func(*command.Operation) *command.Reply {
			reply := command.ErrorReply(katakv.Errorf(code, "this is what happened"))
			return &reply
		}
		for _, method := range []string{"PUT", "DELETE", "GET"} {
			a := d.ask(method, "/v1/kv/k", "")
			a.want(t, method, want.status, "this is what happened")
			outcome := want.outcome
			if method == "GET" {
				outcome = "not-applied"
			}
			var problem httpapi.Problem
			if err := json.Unmarshal([]byte(a.body), &problem); err != nil || problem.Code != code.String() || problem.Outcome != outcome {
				t.Errorf("%s, %v: got %+v, want outcome %s", method, code, problem, outcome)
			}
		}
	}
	d.node.before = func(*command.Operation) *command.Reply { return &command.Reply{Kind: command.ReplyOK} }
	d.ask("PUT", "/v1/kv/k", "").want(t, "an answer of another kind", 500, `"unknown"`)
	d.ask("GET", "/v1/kv/k", "").want(t, "an answer of another kind", 500, `"not-applied"`)
}

func TestWithoutACluster(t *testing.T) {
	d := open(t, httpapi.Config{})
	d.node.topology.Map = nil
	d.ask("PUT", "/v1/kv/k", "x").want(t, "PUT", http.StatusServiceUnavailable, "katakv cluster create")
}
