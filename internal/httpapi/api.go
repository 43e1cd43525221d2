package httpapi

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
)

// Path is where the API lives: the listing is there, and keys are below it.
const Path = "/v1/kv"

// Owns reports whether a request is the API's: for Path and everything below. It looks at the path as it was sent,
// since keys may hold anything: routing by cleaned paths would take "/v1/kv/a//b" for another key.
func Owns(r *http.Request) bool {
	path := r.URL.EscapedPath()
	return path == Path || strings.HasPrefix(path, Path+"/")
}

// Routes are the API's methods and paths, in the words of OpenAPI.
func Routes() []string {
	routes := []string{http.MethodGet + " " + Path}
	for _, m := range keyMethods {
		routes = append(routes, m.name+" "+Path+"/{key}")
	}
	return routes
}

// keyMethods are the methods of a key.
var keyMethods = []struct {
	name  string
	serve func(*exchange, []byte) *Problem
}{
	{http.MethodGet, (*exchange).get},
	{http.MethodHead, (*exchange).get},
	{http.MethodPut, (*exchange).put},
	{http.MethodDelete, (*exchange).delete},
}

// API serves the key-value routes. Make it with New, and end it with Stop before the node.
type API struct {
	config Config
	memory memory

	mu struct {
		sync.Mutex
		running  int
		stopping bool
	}
	stopped chan struct{} // closed by Stop
	drained chan struct{} // closed when the last running request ended, after Stop
}

// New returns an API.
func New(config Config) *API {
	config = config.withDefaults()
	return &API{
		config: config, memory: newMemory(config.MaxMemoryBytes, config.MemoryWait),
		stopped: make(chan struct{}), drained: make(chan struct{}),
	}
}

// Stop refuses what comes from now on and lets running requests finish, within a bound. It may be called again.
func (a *API) Stop() {
	a.mu.Lock()
	if !a.mu.stopping {
		a.mu.stopping = true
		close(a.stopped)
		if a.mu.running == 0 {
			close(a.drained)
		}
	}
	a.mu.Unlock()
	grace := clock.NewTimer(a.config.StopGrace)
	defer grace.Stop()
	select {
	case <-a.drained:
	case <-grace.C:
	}
}

func (a *API) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.mu.stopping {
		a.mu.running++
	}
	return !a.mu.stopping
}

func (a *API) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.running--
	if a.mu.running == 0 && a.mu.stopping {
		close(a.drained)
	}
}

var errStopping = &katakv.Error{Code: katakv.CodeTryAgain, Message: "this node is stopping: ask another"}

// ServeHTTP answers a request that the API owns.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.enter() {
		refuse(errStopping).Write(w)
		return
	}
	defer a.leave()
	// The deadlines that the server set are for short requests. Here each piece of a body has its own, and what is
	// answered in one piece, one at the end. A writer of tests has none, and says so.
	connection := http.NewResponseController(w)
	_ = connection.SetWriteDeadline(time.Time{})
	_ = connection.SetReadDeadline(a.readDeadline(r.ContentLength != 0))
	if problem := a.route(w, r); problem != nil {
		problem.Write(w)
	}
	_ = connection.SetWriteDeadline(clock.Wall().Add(a.config.Stall))
}

// readDeadline is when a client must have sent something more, if it is to send more. Without that there is none: the
// server watches the connection for its end, and would take a deadline for that.
func (a *API) readDeadline(more bool) time.Time {
	if !more {
		return time.Time{}
	}
	return clock.Wall().Add(a.config.Stall)
}

// route serves a request. It returns a problem instead of an answer.
func (a *API) route(w http.ResponseWriter, r *http.Request) *Problem {
	if r.URL.EscapedPath() == Path {
		if r.Method != http.MethodGet {
			return wrongMethod(w, http.MethodGet)
		}
		x, problem := a.begin(w, r)
		if problem != nil {
			return problem
		}
		return x.list()
	}
	for _, m := range keyMethods {
		if m.name != r.Method {
			continue
		}
		key, err := keyOf(r.URL)
		if err != nil {
			return refuse(err)
		}
		x, problem := a.begin(w, r)
		if problem != nil {
			return problem
		}
		return m.serve(x, key)
	}
	return wrongMethod(w, "GET, HEAD, PUT, DELETE")
}
