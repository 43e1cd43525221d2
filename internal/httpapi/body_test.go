package httpapi_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/httpapi"
)

// counted counts what is read of a body.
type counted struct {
	r    io.Reader
	read atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestBodiesAreBounded(t *testing.T) {
	d := open(t, httpapi.Config{})
	largest := strings.Repeat("x", maxValueBytes)
	d.ask("PUT", "/v1/kv/k", largest).want(t, "the largest", 200, "")
	d.send("PUT", "/v1/kv/chunked", struct{ io.Reader }{strings.NewReader(largest)}).want(t, "the largest, chunked", 200, "")
	if a := d.ask("GET", "/v1/kv/chunked", ""); a.body != largest {
		t.Errorf("GET of the largest: %d bytes", len(a.body))
	}
	d.ask("PUT", "/v1/kv/k", largest+"x").want(t, "one more", 413, "1048577 bytes")
	d.send("PUT", "/v1/kv/k", struct{ io.Reader }{strings.NewReader(largest + "x")}).want(t, "one more, chunked", 413, "max-value-bytes")
	if a := d.ask("GET", "/v1/kv/k", ""); a.body != largest {
		t.Errorf("what was refused changed the value: %d bytes", len(a.body))
	}
	// A body without an end is given up soon. The client may find its connection closed before it sees the answer.
	body := &counted{r: endless{}}
	r, err := http.NewRequestWithContext(t.Context(), "PUT", d.url+"/v1/kv/k", body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err == nil {
		_ = response.Body.Close()
		if response.StatusCode != 413 {
			t.Errorf("an endless body: got %d", response.StatusCode)
		}
	}
	if n := body.read.Load(); n > 8*maxValueBytes {
		t.Errorf("%d bytes of an endless body were taken", n)
	}
}

// raw sends bytes as they are and returns the connection.
func (d *door) raw(request string) (net.Conn, *bufio.Reader) {
	d.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		d.t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		d.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func status(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func TestContentLengthIsNotBelieved(t *testing.T) {
	d := open(t, httpapi.Config{Stall: 100 * time.Millisecond})
	const head = "PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: "
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"too large, and nothing of it sent": {head + "99999999999\r\n\r\n", 413},
		"too large, waits for a word":       {head + "99999999999\r\nExpect: 100-continue\r\n\r\n", 413},
		"promised and not sent":             {head + "1000000\r\n\r\nabc", 408},
		"broken chunks":                     {"PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
	} {
		_, answer := d.raw(c.request)
		if got := status(t, answer); got != c.status {
			t.Errorf("%s: got %d, want %d", name, got, c.status)
		}
	}
	d.ask("GET", "/v1/kv/k", "").want(t, "nothing was stored", 404, "")
}

// TestDripsAreNotServed has a client that never stops sending, and never gets anywhere.
func TestDripsAreNotServed(t *testing.T) {
	d := open(t, httpapi.Config{Stall: 200 * time.Millisecond})
	c, answer := d.raw("PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
	go func() {
		for {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if got := status(t, answer); got != 408 {
		t.Errorf("got %d, want 408", got)
	}
}

// TestSlowClientsAreServed has clients that are slower than the deadlines of the server, and not than those of the API.
func TestSlowClientsAreServed(t *testing.T) {
	d := open(t, httpapi.Config{Stall: 10 * time.Second})
	c, answer := d.raw("PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n")
	for _, b := range "abcdef" {
		time.Sleep(serverTimeout / 4)
		if _, err := io.WriteString(c, string(b)); err != nil {
			t.Fatal(err)
		}
	}
	if got := status(t, answer); got != 200 {
		t.Fatalf("a slow PUT: got %d", got)
	}
	d.node.before = func(op *command.Operation) *command.Reply {
		time.Sleep(serverTimeout * 3 / 2)
		return nil
	}
	if _, err := io.WriteString(c, "GET /v1/kv/k HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := status(t, answer); got != 200 {
		t.Errorf("a GET that takes its time, on the same connection: got %d", got)
	}
}

// TestMemoryIsBounded lets bodies take all memory: others are refused and change nothing, until there is room again.
func TestMemoryIsBounded(t *testing.T) {
	d := open(t, httpapi.Config{MaxMemoryBytes: katakv.MaxValueBytes, MemoryWait: 20 * time.Millisecond})
	large := strings.Repeat("x", maxValueBytes)
	d.ask("PUT", "/v1/kv/large", large).want(t, "PUT", 200, "")
	const holders = katakv.MaxValueBytes / maxValueBytes
	arrived, release := make(chan struct{}), make(chan struct{})
	d.node.before = func(op *command.Operation) *command.Reply {
		if op.Kind == command.KindSetIf && strings.HasPrefix(string(op.Keys[0]), "held") {
			arrived <- struct{}{}
			<-release
		}
		return nil
	}
	var group sync.WaitGroup
	for i := range holders {
		group.Go(func() {
			d.ask("PUT", fmt.Sprintf("/v1/kv/held%d", i), large[:maxValueBytes-1]).want(t, "a holder", 200, "")
		})
	}
	for range holders {
		select {
		case <-arrived:
		case <-time.After(time.Minute):
			t.Fatal("a holder did not arrive")
		}
	}
	d.ask("PUT", "/v1/kv/k", "x").want(t, "PUT without room", 503, "busy with large values")
	d.ask("GET", "/v1/kv/large", "").want(t, "GET without room", 503, "busy with large values")
	d.ask("HEAD", "/v1/kv/small", "").want(t, "HEAD of nothing", 404, "")
	close(release)
	group.Wait()
	d.ask("GET", "/v1/kv/k", "").want(t, "what was refused", 404, "")
	d.ask("GET", "/v1/kv/large", "").want(t, "GET with room", 200, "xxx")
}

// hold lets the next operation tell that it has arrived, and wait until release is closed.
func (d *door) hold() (arrived, release chan struct{}) {
	arrived, release = make(chan struct{}), make(chan struct{})
	d.node.before = func(*command.Operation) *command.Reply {
		close(arrived)
		<-release
		return nil
	}
	return arrived, release
}

func TestStop(t *testing.T) {
	d := open(t, httpapi.Config{StopGrace: time.Minute})
	arrived, release := d.hold()
	var group sync.WaitGroup
	group.Go(func() { d.ask("PUT", "/v1/kv/k", "x").want(t, "PUT while it stops", 200, "") })
	<-arrived
	stopped := make(chan struct{})
	group.Go(func() { d.api.Stop(); close(stopped) })
	for d.ask("GET", "/v1/kv/k", "").status != 503 {
		t.Error("served after Stop")
	}
	select {
	case <-stopped:
		t.Error("Stop did not wait for what runs")
	default:
	}
	close(release)
	group.Wait()
	d.api.Stop()
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	d := open(t, httpapi.Config{StopGrace: time.Millisecond})
	arrived, release := d.hold()
	var group sync.WaitGroup
	group.Go(func() { d.ask("PUT", "/v1/kv/k", "x") })
	<-arrived
	d.api.Stop()
	close(release)
	group.Wait()
}

// TestSlowReaderLosesItsConnection lets a client not read a large value.
func TestSlowReaderLosesItsConnection(t *testing.T) {
	const stall = 300 * time.Millisecond
	d, patient := open(t, httpapi.Config{Stall: stall}), open(t, httpapi.Config{})
	value := bytes.Repeat([]byte("x"), 60<<20) // more than the kernel's buffers
	d.node.before = func(op *command.Operation) *command.Reply {
		if string(op.Keys[0]) != "large" {
			return nil
		}
		reply := command.RecordReply(1<<20, value)
		return &reply
	}
	c, _ := d.raw("GET /v1/kv/large HTTP/1.1\r\nHost: x\r\n\r\n")
	d.ask("PUT", "/v1/kv/k", "x").want(t, "another client", 200, "")
	time.Sleep(2 * stall)
	n, err := io.Copy(io.Discard, c)
	if n >= int64(len(value)) || errors.Is(err, io.EOF) {
		t.Errorf("a client that did not read for long got all %d bytes, %v", n, err)
	}
	patient.node.before = d.node.before
	if a := patient.ask("GET", "/v1/kv/large", ""); len(a.body) != len(value) {
		t.Errorf("a client that reads got %d bytes", len(a.body))
	}
}
