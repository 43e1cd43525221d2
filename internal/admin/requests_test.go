package admin_test

import (
	"regexp"
	"testing"
)

// TestRequestsAreCounted: each request counts once, under labels that no client chooses.
func TestRequestsAreCounted(t *testing.T) {
	address := serve(t, &fakeBackend{clusterMap: testMap(t)})
	for _, r := range []struct{ method, target string }{
		{"GET", "/v1/kv/a"},
		{"GET", "/v1/kv/a/b"},
		{"GET", "/v1/kv//..%2F"},
		{"PUT", "/v1/kv/a"},
		{"GET", "/v1/kv?limit=x"},
		{"BREW", "/v1/kv/a"},
		{"GET", "/healthz"},
		{"HEAD", "/healthz"},
		{"GET", "/one"},
		{"GET", "/two"},
	} {
		statusOf(t, r.method, address, r.target)
	}
	_, body := request(t, "GET", address, "/metrics")
	for _, want := range []string{
		`katakv_http_requests_total\{method="GET",route="/v1/kv/\{key\}",status="503"\} 3\n`,
		`katakv_http_requests_total\{method="PUT",route="/v1/kv/\{key\}",status="503"\} 1\n`,
		`katakv_http_requests_total\{method="GET",route="/v1/kv",status="400"\} 1\n`,
		`katakv_http_requests_total\{method="other",route="/v1/kv/\{key\}",status="405"\} 1\n`,
		`katakv_http_requests_total\{method="GET",route="/healthz",status="200"\} 1\n`,
		`katakv_http_requests_total\{method="HEAD",route="/healthz",status="200"\} 1\n`,
		`katakv_http_requests_total\{method="GET",route="other",status="404"\} 2\n`,
		`katakv_http_request_seconds_bucket\{method="GET",route="/v1/kv/\{key\}",status="503",le="\+Inf"\} 3\n`,
		`katakv_http_request_seconds_count\{method="GET",route="other",status="404"\} 2\n`,
	} {
		if !regexp.MustCompile(want).MatchString(body) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if regexp.MustCompile(`BREW|"/one"|"/two"`).MatchString(body) {
		t.Error("a client chose a label")
	}
}
