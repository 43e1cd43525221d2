package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/httpapi"
)

// newHandler routes requests.
func newHandler(backend Backend, kv http.Handler) http.Handler {
	mux, requests := http.NewServeMux(), newRequests()
	for path, serve := range readingRoutes(backend, requests) {
		mux.HandleFunc(path, reading(serve))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, "not-found", "there is nothing at "+r.URL.Path)
	})
	route := func(r *http.Request) string { return routeOf(mux, r) }
	return requests.watch(route, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if httpapi.Owns(r) { // before mux, which would clean the path
			w.Header().Set("X-Content-Type-Options", "nosniff")
			kv.ServeHTTP(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	}))
}

// Routes are the methods and paths that this package serves, in the words of OpenAPI. HEAD is answered wherever GET is.
func Routes() []string {
	var routes []string
	for path := range readingRoutes(nil, newRequests()) {
		routes = append(routes, http.MethodGet+" "+path)
	}
	return routes
}

// readingRoutes are the paths that a GET reads, but for those of httpapi.
func readingRoutes(backend Backend, requests *requests) map[string]http.HandlerFunc {
	h := &handler{backend: backend}
	return map[string]http.HandlerFunc{
		"/healthz":      h.health,
		"/readyz":       h.ready,
		"/openapi.json": describe,
		"/v1/node":      h.node,
		"/v1/cluster":   h.cluster,
		"/v1/replicas":  h.replicas,
		"/v1/checksums": h.checksums,
		"/metrics":      newMetricsHandler(backend, requests).ServeHTTP,
	}
}

// reading lets GET and HEAD through.
func reading(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeError(w, http.StatusMethodNotAllowed, "method", "use GET")
			return
		}
		serve(w, r)
	}
}

type handler struct {
	backend Backend
	summing sync.Mutex // one at a time: each reads all data
}

// status is the body of /healthz and /readyz.
type status struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

func (h *handler) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, status{Status: "ok"})
}

func (h *handler) ready(w http.ResponseWriter, _ *http.Request) {
	if err := h.backend.Ready(); err != nil {
		writeJSON(w, http.StatusServiceUnavailable, status{Status: "waiting", Reason: err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, status{Status: "ready"})
}

func (h *handler) node(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, h.backend.NodeInfo())
}

func (h *handler) cluster(w http.ResponseWriter, _ *http.Request) {
	t := h.backend.Topology()
	if t.Map == nil {
		writeCode(w, katakv.CodeLoading, "this node is not part of a cluster yet: run katakv cluster create")
		return
	}
	writeJSON(w, http.StatusOK, newClusterView(t, h.backend.Ready()))
}

func (h *handler) replicas(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Replicas []ReplicaRow `json:"replicas"`
	}{newReplicaRows(h.backend.Replicas())})
}

func (h *handler) checksums(w http.ResponseWriter, _ *http.Request) {
	if !h.summing.TryLock() {
		writeCode(w, katakv.CodeTryAgain, "checksums are being computed for another request: try again later")
		return
	}
	defer h.summing.Unlock()
	sums, err := h.backend.Checksums()
	if err != nil {
		var coded *katakv.Error
		if errors.As(err, &coded) {
			writeCode(w, coded.Code, coded.Message)
			return
		}
		writeCode(w, katakv.CodeInternal, err.Error())
		return
	}
	if sums == nil {
		sums = []Checksum{}
	}
	writeJSON(w, http.StatusOK, struct {
		Checksums []Checksum `json:"checksums"`
	}{sums})
}

func writeCode(w http.ResponseWriter, code katakv.Code, message string) {
	writeError(w, (&katakv.Error{Code: code}).Status(), code.String(), message)
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	httpapi.NewProblem(status, code, message).Write(w)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		http.Error(w, "encode the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	data = append(data, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that left is its own concern
}
