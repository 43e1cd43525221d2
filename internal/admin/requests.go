package admin

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/httpapi"
)

// other stands for every method and route that there is not: a label must not be the client's to choose, for each
// value is kept for ever.
const other = "other"

// requestBuckets are the upper bounds of the histogram's buckets, in seconds: from a read in memory to past the
// request timeout.
var requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// requests counts and times what the HTTP port was asked. It may be used from any goroutine.
type requests struct {
	count   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newRequests() *requests {
	labels := []string{"method", "route", "status"}
	return &requests{
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "katakv_http_requests_total", Help: "Requests to the HTTP port that were answered.",
		}, labels),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "katakv_http_request_seconds", Help: "Time from the header of a request to the end of its answer.", Buckets: requestBuckets,
		}, labels),
	}
}

// watch serves by next, and notes each request under its route.
func (q *requests) watch(route func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun, watched := clock.Monotonic(), &watchedWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			labels := []string{methodOf(r), route(r), strconv.Itoa(watched.status)}
			q.count.WithLabelValues(labels...).Inc()
			q.seconds.WithLabelValues(labels...).Observe((clock.Monotonic() - begun).Seconds())
		}()
		next.ServeHTTP(watched, r)
	})
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPost:
		return r.Method
	}
	return other
}

// routeOf names the route of a request in the words of OpenAPI.
func routeOf(mux *http.ServeMux, r *http.Request) string {
	if httpapi.Owns(r) {
		if r.URL.EscapedPath() == httpapi.Path {
			return httpapi.Path
		}
		return httpapi.Path + "/{key}"
	}
	if _, pattern := mux.Handler(r); pattern != "/" && pattern != "" {
		return pattern
	}
	return other
}

// watchedWriter remembers the status.
type watchedWriter struct {
	http.ResponseWriter
	status int
	told   bool
}

// WriteHeader remembers the first final status.
func (w *watchedWriter) WriteHeader(status int) {
	if !w.told && status >= http.StatusOK {
		w.status, w.told = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
