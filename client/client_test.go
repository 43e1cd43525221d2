package client_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
)

func TestWritesAreSentAgainUnderTheirID(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []string
	}{
		{"the connection ends", []string{hangUp}},
		{"unknown", []string{"-UNKNOWN the leader was lost\r\n"}},
		{"internal", []string{"-INTERNAL the disk failed\r\n"}},
		{"refused for now", []string{"-TRYAGAIN full\r\n", "-CLUSTERDOWN no leader\r\n", "-LOADING starting\r\n"}},
		{"too many connections", []string{"-ERR max number of clients reached\r\n"}},
		{"all of it", []string{hangUp, "-UNKNOWN lost\r\n", "-TRYAGAIN full\r\n", hangUp}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := startScripted(t, 1, false)
			c := f.open(nil)
			f.on(once("KATA ONCE", append(tt.answers, ":7\r\n")...))
			n, err := c.Incr(t.Context(), "k")
			if n != 7 || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
			seen := f.take()
			if len(seen) != len(tt.answers)+1 || len(slices.Compact(seen)) != 1 {
				t.Errorf("sent %q: want the same %d times", seen, len(tt.answers)+1)
			}
			f.on(once("KATA ONCE", ":8\r\n"))
			_, _ = c.Incr(t.Context(), "k")
			if again := f.take(); len(again) != 1 || again[0] == seen[0] {
				t.Errorf("another command is sent as %q", again)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	const incr = "KATA ONCE"
	for _, tt := range []struct {
		name, prefix string
		options      []client.Option
		answers      []string
		want, not    error
		code         katakv.Code
		attempts     int
	}{
		{"refused for good", incr, nil, []string{"-WRONGTYPE no\r\n"}, client.ErrNotApplied, client.ErrUnknown, katakv.CodeWrongType, 1},
		{"refused after doubt", incr, nil, []string{hangUp, "-ERR value is not an integer\r\n"}, client.ErrNotApplied, client.ErrUnknown, 0, 2},
		{"read-only disk after doubt", incr, nil, []string{hangUp, "-MISCONF full\r\n"}, client.ErrUnknown, client.ErrNotApplied, katakv.CodeReadOnly, 2},
		{"read-only disk", incr, nil, []string{"-MISCONF full\r\n"}, client.ErrNotApplied, client.ErrUnknown, katakv.CodeReadOnly, 1},
		{"no id, broken", "INCRBY", []client.Option{client.WithoutRequestID()}, []string{hangUp}, client.ErrUnknown, client.ErrNotApplied, 0, 1},
		{"no id, unknown", "INCRBY", []client.Option{client.WithoutRequestID()}, []string{"-UNKNOWN lost\r\n"}, client.ErrUnknown, client.ErrNotApplied, katakv.CodeUnknown, 1},
		{"no id, refused then broken", "INCRBY", []client.Option{client.WithoutRequestID()}, []string{"-TRYAGAIN full\r\n", hangUp}, client.ErrUnknown, client.ErrNotApplied, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := startScripted(t, 1, false)
			c := f.open(nil)
			f.on(once(tt.prefix, tt.answers...))
			_, err := c.With(tt.options...).Incr(t.Context(), "k")
			var failure *client.Error
			if !errors.Is(err, tt.want) || errors.Is(err, tt.not) || !errors.As(err, &failure) || failure.Attempts != tt.attempts {
				t.Fatalf("got %v, want %v after %d attempts", err, tt.want, tt.attempts)
			}
			if failure.Command != "INCRBY" || failure.Key != "k" || failure.Ended != nil || client.OutcomeOf(err) != failure.Outcome {
				t.Errorf("got %+v", failure)
			}
			if tt.code != 0 && !errors.Is(err, &katakv.Error{Code: tt.code}) {
				t.Errorf("%v is not of code %v", err, tt.code)
			}
		})
	}
}

// When time runs out, the error tells whether an attempt may have taken effect.
func TestTheContextEndsRetries(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []string
		want    error
	}{
		{"never", nil, client.ErrNotApplied},
		{"perhaps", []string{"-UNKNOWN lost\r\n"}, client.ErrUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := startScripted(t, 2, false)
			f.leader = 1 // to which no connection is made before
			c := f.open(func(config *client.Config) {
				config.CallTimeout, config.Addresses = short, config.Addresses[:1]
			})
			script := once("KATA ONCE", tt.answers...)
			f.on(func(node int, command string) string {
				if answer := script(node, command); answer != "" || !strings.HasPrefix(command, "KATA ONCE") {
					return answer
				}
				return "-CLUSTERDOWN no leader\r\n"
			})
			if tt.answers == nil {
				f.nodes[1].stop() // nothing is ever sent
			}
			err := c.Set(context.WithoutCancel(t.Context()), "k", nil)
			if !errors.Is(err, tt.want) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want %v by the end of the context", err, tt.want)
			}
			var failure *client.Error
			if errors.As(err, &failure) && failure.RequestID == "" {
				t.Error("nobody could send it again: the error has no request id")
			}
		})
	}
	f := startScripted(t, 1, false)
	c := f.open(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Set(ctx, "k", nil); !errors.Is(err, client.ErrNotApplied) || !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: got %v", err)
	}
	if seen := f.take(); len(seen) != 0 {
		t.Errorf("sent %q", seen)
	}
}

// An attempt at a node that hangs ends, and the next one has more time.
func TestAttemptsEnd(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(func(config *client.Config) { config.AttemptTimeout = 30 * time.Millisecond })
	release := make(chan struct{})
	hung := 0
	f.on(func(_ int, command string) string {
		if !strings.HasPrefix(command, "KATA ONCE") {
			return ""
		}
		f.mu.Lock()
		hung++
		hang := hung <= 2
		f.mu.Unlock()
		if hang {
			<-release
		}
		return ":1\r\n"
	})
	n, err := c.Incr(t.Context(), "k")
	close(release)
	if n != 1 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestRedirectsAreFollowedAndLearned(t *testing.T) {
	f := startScripted(t, 3, false)
	c := f.open(nil)
	f.on(func(node int, command string) string {
		if strings.HasPrefix(command, "GET") && node != 2 {
			return fmt.Sprintf("-MOVED 1 %s\r\n", f.nodes[2].addr)
		}
		if strings.HasPrefix(command, "GET") {
			return bulk("v")
		}
		return ""
	})
	for _, want := range []int{2, 1} { // slot 1 is in the same shard as the key's, or the second is redirected again
		value, err := c.Get(t.Context(), "{b}")
		if string(value) != "v" || err != nil {
			t.Fatalf("got %q, %v", value, err)
		}
		if seen := f.take(); len(seen) != want {
			t.Errorf("took %q, want %d commands", seen, want)
		}
	}
}

// Nodes that name each other do not keep a call for ever, nor a processor busy.
func TestRedirectsThatGoRound(t *testing.T) {
	f := startScripted(t, 2, false)
	c := f.open(nil)
	f.on(func(node int, command string) string {
		if strings.HasPrefix(command, "GET") {
			return fmt.Sprintf("-MOVED 1 %s\r\n", f.nodes[1-node].addr)
		}
		return ""
	})
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	if _, err := c.Get(ctx, "k"); !errors.Is(err, client.ErrNotApplied) {
		t.Errorf("got %v", err)
	}
	if seen := f.take(); len(seen) > 40 {
		t.Errorf("%d redirects were followed", len(seen))
	}
}

// A leader that dies is replaced: the client asks the others for the map until they name the next one.
func TestTheMapIsFollowedWhenALeaderDies(t *testing.T) {
	f := startScripted(t, 3, false)
	c := f.open(nil)
	if err := c.Set(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	f.nodes[0].stop()
	go func() {
		time.Sleep(100 * time.Millisecond)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.leader = 1
	}()
	if err := c.Set(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	seen := f.take()
	if last := seen[len(seen)-1]; !strings.HasPrefix(last, "1: ") {
		t.Errorf("got %q, want the last one at node 1", seen)
	}
}

// A map older than the one that is known is not believed, nor one of another cluster.
func TestOldMapsAreRefused(t *testing.T) {
	f := startScripted(t, 2, false)
	f.epoch = 5
	c := f.open(nil)
	f.mu.Lock()
	f.epoch, f.leader = 4, 1
	f.mu.Unlock()
	f.on(once("GET", "-CLUSTERDOWN no leader\r\n", bulk("v"), bulk("v")))
	for range 2 {
		if _, err := c.Get(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range f.take() {
		if !strings.HasPrefix(command, "0: ") {
			t.Errorf("%q was sent by an old map", command)
		}
	}
}

// A thousand calls that fail together ask for the map a few times.
func TestRefreshesAreShared(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(nil)
	var down sync.Map
	f.on(func(_ int, command string) string {
		if _, again := down.LoadOrStore(command, true); strings.HasPrefix(command, "GET") && !again {
			return "-CLUSTERDOWN no leader\r\n"
		}
		if strings.HasPrefix(command, "GET") {
			return bulk("v")
		}
		return ""
	})
	var group sync.WaitGroup
	for i := range 300 {
		group.Go(func() {
			if _, err := c.Get(t.Context(), fmt.Sprint("key:", i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.maps > 100 {
		t.Errorf("the map was asked for %d times", f.maps)
	}
}

func TestConnectionsAreBoundedAndReused(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(func(config *client.Config) { config.MaxConns = 3 })
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			for range 5 {
				if err := c.Set(t.Context(), fmt.Sprint("key:", i), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	f.nodes[0].mu.Lock()
	defer f.nodes[0].mu.Unlock()
	if f.nodes[0].accepted > 3 {
		t.Errorf("%d connections were made", f.nodes[0].accepted)
	}
}

// The end of a call's context must not touch the connection that another call has by then.
func TestContextsEndWithTheirCalls(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(func(config *client.Config) { config.MaxConns = 1 })
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		if err := c.Set(ctx, "k", nil); err != nil {
			t.Fatal(err)
		}
		go cancel()
	}
	f.nodes[0].mu.Lock()
	defer f.nodes[0].mu.Unlock()
	if f.nodes[0].accepted != 1 {
		t.Errorf("%d connections were made", f.nodes[0].accepted)
	}
}

// A connection that rested while its node was restarted leaves no doubt about a command that cannot be sent again.
func TestRestedConnectionsAreTried(t *testing.T) {
	if testing.Short() {
		t.Skip("rests for a second")
	}
	f := startScripted(t, 1, false)
	c := f.open(nil)
	if err := c.Set(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	f.nodes[0].hangUp()
	time.Sleep(1100 * time.Millisecond)
	if err := c.With(client.WithoutRequestID()).Set(t.Context(), "k", nil); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsCallsAndLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	f := startScripted(t, 2, false)
	c := f.open(nil)
	release, asked := make(chan struct{}), make(chan struct{}, 8)
	f.on(func(_ int, command string) string {
		if strings.HasPrefix(command, "KATA ONCE") {
			asked <- struct{}{}
			<-release
		}
		return ""
	})
	failed := make(chan error)
	go func() { failed <- c.Set(t.Context(), "k", nil) }()
	<-asked
	c.Close()
	c.Close()
	if err := <-failed; !errors.Is(err, client.ErrUnknown) || !errors.Is(err, client.ErrClosed) {
		t.Errorf("a call on its way: got %v", err)
	}
	if _, err := c.Get(t.Context(), "k"); !errors.Is(err, client.ErrNotApplied) || !errors.Is(err, client.ErrClosed) {
		t.Errorf("a call after Close: got %v", err)
	}
	close(release)
	for _, n := range f.nodes {
		n.stop()
	}
	wantGoroutines(t, before)
}

// wantGoroutines waits until no more goroutines are left than there were.
func wantGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// countingContext counts who waits for its end.
type countingContext struct {
	context.Context
	waiting *atomic.Int32
}

func (c countingContext) Deadline() (time.Time, bool) { return time.Now().Add(time.Minute), true }
func (c countingContext) Done() <-chan struct{}       { return make(chan struct{}) }

// AfterFunc is what the context package asks for.
func (c countingContext) AfterFunc(func()) func() bool {
	c.waiting.Add(1)
	return func() bool { c.waiting.Add(-1); return true }
}

// An idle connection keeps no context, nor anything that waits for one.
func TestCallsForgetTheirContexts(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(nil)
	ctx := countingContext{t.Context(), new(atomic.Int32)}
	if err := c.Set(ctx, "k", nil); err != nil {
		t.Fatal(err)
	}
	if n := ctx.waiting.Load(); n != 0 {
		t.Errorf("%d wait for the end of the context", n)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	f := startScripted(t, 1, false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := 0
	f.on(func(_ int, command string) string {
		if asked++; asked == 10 {
			cancel()
		}
		return "-LOADING this node is not part of a cluster yet\r\n"
	})
	for _, tt := range []struct {
		config client.Config
		want   string
	}{
		{client.Config{}, "no addresses"},
		{client.Config{Addresses: []string{"localhost"}}, "write host:port"},
		{client.Config{Addresses: []string{"a:1"}, CallTimeout: time.Hour}, "at most 4m"},
		{client.Config{Addresses: []string{"a:1"}, AttemptTimeout: -1}, "more than zero"},
		{client.Config{Addresses: []string{"a:1"}, MaxConns: -1}, "more than zero"},
		{client.Config{Addresses: []string{f.nodes[0].addr}}, "not part of a cluster yet"},
	} {
		if _, err := client.Open(ctx, tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.config, err, tt.want)
		}
	}
}

// Open waits for a node that is still starting.
func TestOpenWaits(t *testing.T) {
	f := startScripted(t, 1, false)
	f.on(once("KATA SESSION", "-LOADING starting\r\n", "-LOADING starting\r\n"))
	if c := f.open(nil); c.Cluster() != fakeID {
		t.Errorf("opened %v", c.Cluster())
	}
}

// Plain ports are asked in turn, and one that is down is passed over.
func TestPlainPorts(t *testing.T) {
	f := startScripted(t, 3, true)
	c := f.open(nil)
	f.nodes[1].stop()
	for range 12 {
		if err := c.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
	}
	asked := f.asked()
	if asked["0"] == 0 || asked["2"] == 0 {
		t.Errorf("asked %v", asked)
	}
	f.on(func(node int, _ string) string {
		if node == 2 {
			return hangUp
		}
		return ""
	})
	for range 60 {
		if err := c.Set(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
	}
	if asked := f.asked(); asked["2"] > 15 {
		t.Errorf("a node that fails is asked again and again: %v", asked)
	}
	f.on(once("MGET", "*2\r\n$1\r\n1\r\n$-1\r\n"))
	values, err := c.MGet(t.Context(), "a", "b")
	if err != nil || len(values) != 2 || string(values[0]) != "1" || values[1] != nil {
		t.Errorf("got %q, %v", values, err)
	}
}
