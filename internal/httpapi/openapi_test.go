package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/httpapi"
)

// description is admin's description of the port, a tree of JSON.
type description struct {
	t    *testing.T
	root map[string]any
}

func describedIn(t *testing.T, path string) description {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := description{t: t}
	if err := json.Unmarshal(data, &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// resolve follows a reference, if node is one.
func (d description) resolve(node any) map[string]any {
	d.t.Helper()
	object, _ := node.(map[string]any)
	target, ok := object["$ref"].(string)
	if !ok {
		return object
	}
	var at any = d.root
	for name := range strings.SplitSeq(strings.TrimPrefix(target, "#/"), "/") {
		at = at.(map[string]any)[name]
	}
	return at.(map[string]any)
}

// parameters returns the names of an operation's parameters of one place, "header" or "query".
func (d description) parameters(path, method, place string) []string {
	routes := d.root["paths"].(map[string]any)[path].(map[string]any)
	operation := routes[strings.ToLower(method)].(map[string]any)
	var names []string
	for _, holder := range []map[string]any{routes, operation} {
		all, _ := holder["parameters"].([]any)
		for _, one := range all {
			if p := d.resolve(one); p["in"] == place {
				names = append(names, p["name"].(string))
			}
		}
	}
	slices.Sort(names)
	return names
}

// headers returns the names of the headers that an answer is said to have.
func (d description) headers(path, method string, status int) []string {
	operation := d.root["paths"].(map[string]any)[path].(map[string]any)[strings.ToLower(method)].(map[string]any)
	answer := operation["responses"].(map[string]any)[fmt.Sprint(status)]
	if answer == nil {
		d.t.Errorf("%s %s: an answer of status %d is not described", method, path, status)
	}
	headers, _ := d.resolve(answer)["headers"].(map[string]any)
	return slices.Sorted(maps.Keys(headers))
}

// own returns the names of an answer's headers that are the API's own.
func (a answer) own() []string {
	var names []string
	for name := range a.header {
		if strings.HasPrefix(name, "Kata-") || name == "Etag" {
			names = append(names, strings.Replace(name, "Etag", "ETag", 1))
		}
	}
	slices.Sort(names)
	return names
}

// TestAnswersHaveTheHeadersThatAreDescribed compares them for each method and what may come of it.
func TestAnswersHaveTheHeadersThatAreDescribed(t *testing.T) {
	d, about := open(t, httpapi.Config{}), describedIn(t, "../admin/openapi.json")
	tag := d.ask("PUT", "/v1/kv/k", "x").header.Get("ETag")
	for _, r := range []struct {
		method, key string
		status      int
		headers     []string
	}{
		{"GET", "k", 200, nil},
		{"GET", "k", 304, []string{"If-None-Match", tag}},
		{"GET", "none", 404, nil},
		{"GET", "k", 412, []string{"If-Match", `"1-0"`}},
		{"HEAD", "k", 200, nil},
		{"HEAD", "k", 304, []string{"If-None-Match", tag}},
		{"HEAD", "none", 404, nil},
		{"HEAD", "k", 412, []string{"If-Match", `"1-0"`}},
		{"PUT", "k", 412, []string{"If-None-Match", "*"}},
		{"PUT", "k", 200, []string{"Idempotency-Key", "once"}},
		{"DELETE", "k", 422, []string{"Idempotency-Key", "once"}},
		{"DELETE", "k", 412, []string{"If-Match", `"1-0"`}},
		{"DELETE", "none", 404, nil},
		{"DELETE", "k", 204, nil},
	} {
		what := fmt.Sprintf("%s of %s %v", r.method, r.key, r.headers)
		a := d.ask(r.method, "/v1/kv/"+r.key, "y", append(r.headers, "Kata-Journey", "1")...)
		a.want(t, what, r.status, "")
		if got, want := a.own(), about.headers("/v1/kv/{key}", r.method, r.status); !slices.Equal(got, want) {
			t.Errorf("%s: the headers are %q, described %q", what, got, want)
		}
	}
	d.api.Stop()
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		a := d.ask(method, "/v1/kv/k", "")
		described := about.headers("/v1/kv/{key}", method, 503)
		for _, name := range append(a.own(), "Retry-After") {
			if a.status != 503 || !slices.Contains(described, name) {
				t.Errorf("%s of a node that stops: got %d, and %s is not described", method, a.status, name)
			}
		}
	}
}

// TestParametersAreAsDescribed: all that a request may say is described, and what is described is read, which shows when
// it makes no sense.
func TestParametersAreAsDescribed(t *testing.T) {
	d, about := open(t, httpapi.Config{}), describedIn(t, "../admin/openapi.json")
	const key = "/v1/kv/{key}"
	for _, r := range []struct {
		path, method   string
		headers, query []string
	}{
		{key, "GET", []string{"If-Match", "If-None-Match", "Kata-Consistency", "Kata-Journey", "Kata-Session"}, []string{"consistency"}},
		{key, "HEAD", []string{"If-Match", "If-None-Match", "Kata-Consistency", "Kata-Journey", "Kata-Session"}, []string{"consistency"}},
		{
			key, "PUT",
			[]string{"Idempotency-Key", "If-Match", "If-None-Match", "Kata-Consistency", "Kata-Journey", "Kata-Session"},
			[]string{"consistency"},
		},
		{key, "DELETE", []string{"Idempotency-Key", "If-Match", "Kata-Consistency", "Kata-Journey", "Kata-Session"}, []string{"consistency"}},
		{"/v1/kv", "GET", []string{"Kata-Consistency", "Kata-Session"}, []string{"consistency", "limit", "prefix", "start"}},
	} {
		what := r.method + " " + r.path
		if got := about.parameters(r.path, r.method, "header"); !slices.Equal(got, r.headers) {
			t.Errorf("%s: the headers %q are described, want %q", what, got, r.headers)
		}
		if got := about.parameters(r.path, r.method, "query"); !slices.Equal(got, r.query) {
			t.Errorf("%s: the parameters %q are described, want %q", what, got, r.query)
		}
		target := strings.Replace(r.path, "{key}", "k", 1)
		for _, name := range r.headers {
			if !strings.HasPrefix(name, "If-") {
				if a := d.ask(r.method, target, "", name, `"nonsense`); a.status != http.StatusBadRequest {
					t.Errorf("%s: %s that makes no sense is answered with %d", what, name, a.status)
				}
			}
		}
		for _, name := range []string{"consistency", "limit", "page"} {
			if a := d.ask(r.method, target+"?"+name+"=%22nonsense", ""); a.status != http.StatusBadRequest {
				t.Errorf("%s: %s that makes no sense is answered with %d", what, name, a.status)
			}
		}
	}
}
