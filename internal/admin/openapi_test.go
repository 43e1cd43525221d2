package admin_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/httpapi"
)

// described is the part of the description that tests look at.
type described struct {
	OpenAPI string                                `json:"openapi"`
	Paths   map[string]map[string]json.RawMessage `json:"paths"`
}

func describedBy(t *testing.T, address string) (described, string) {
	t.Helper()
	status, body := request(t, "GET", address, "/openapi.json")
	var d described
	if err := json.Unmarshal([]byte(body), &d); err != nil || status != 200 || d.OpenAPI != "3.1.0" {
		t.Fatalf("got %d, version %q, %v", status, d.OpenAPI, err)
	}
	return d, body
}

// operations returns "GET /path" for every operation.
func (d *described) operations() []string {
	var out []string
	for path, operations := range d.Paths {
		for method := range operations {
			if method != "parameters" {
				out = append(out, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestEveryRouteIsDescribed compares the description with the routes, both ways.
func TestEveryRouteIsDescribed(t *testing.T) {
	d, _ := describedBy(t, serve(t, &fakeBackend{clusterMap: testMap(t)}))
	want := append(admin.Routes(), httpapi.Routes()...)
	slices.Sort(want)
	if got := d.operations(); !slices.Equal(got, want) {
		t.Errorf("described: %q\nserved:    %q", got, want)
	}
}

// TestMethodsAreAsDescribed asks the server by every method for every path: one that is not described is refused.
func TestMethodsAreAsDescribed(t *testing.T) {
	address := serve(t, &fakeBackend{clusterMap: testMap(t)})
	d, _ := describedBy(t, address)
	for path, operations := range d.Paths {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"} {
			_, known := operations[strings.ToLower(method)]
			status := statusOf(t, method, address, strings.ReplaceAll(path, "{key}", "a%2Fb"))
			if known == (status == http.StatusMethodNotAllowed) || status == http.StatusNotFound {
				t.Errorf("%s %s: described %v, got %d", method, path, known, status)
			}
		}
	}
}

// TestDescriptionIsWhole follows every reference, and looks for the codes that an answer may have.
func TestDescriptionIsWhole(t *testing.T) {
	_, text := describedBy(t, serve(t, &fakeBackend{}))
	var root map[string]any
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	var follow func(any)
	follow = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, child := range node {
				follow(child)
			}
		case map[string]any:
			if target, ok := node["$ref"].(string); ok {
				var at any = root
				for name := range strings.SplitSeq(strings.TrimPrefix(target, "#/"), "/") {
					at, _ = at.(map[string]any)[name]
					if at == nil {
						t.Errorf("%s leads nowhere", target)
						return
					}
				}
			}
			for _, child := range node {
				follow(child)
			}
		}
	}
	follow(root)
	for code := katakv.Code(0); code.Valid(); code++ {
		switch code {
		case katakv.CodeCrossSlot, katakv.CodeMoved, katakv.CodeAuth, katakv.CodeNoRoom: // never over HTTP
		default:
			if !strings.Contains(text, `"`+code.String()+`"`) {
				t.Errorf("code %v is not described", code)
			}
		}
	}
}

func statusOf(t *testing.T, method, address, path string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
