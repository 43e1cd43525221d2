package client_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
)

// fakeServer accepts one connection and hands it to serve.
func fakeServer(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		socket, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = socket.Close() }()
		serve(socket)
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// answer reads and drops whatever comes until the client is gone, after writing replies.
func answer(replies string) func(net.Conn) {
	return func(socket net.Conn) {
		_, _ = io.WriteString(socket, replies)
		_, _ = io.Copy(io.Discard, socket)
	}
}

func dial(t *testing.T, addr string, options client.Options) *client.Conn {
	t.Helper()
	conn, err := client.Dial(t.Context(), addr, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestDoReturnsValues(t *testing.T) {
	tests := []struct{ name, reply, want string }{
		{"simple", "+OK\r\n", `simple "OK"`},
		{"int", ":-7\r\n", `int "-7"`},
		{"bulk", "$5\r\na\r\nbc\r\n", `bulk "a\r\nbc"`},
		{"empty bulk", "$0\r\n\r\n", `bulk ""`},
		{"null", "$-1\r\n", "null"},
		{"null of RESP3", "_\r\n", "null"},
		{"bool", "#t\r\n", `bool "true"`},
		{"double", ",1.5\r\n", `double "1.5"`},
		{"array", "*2\r\n:1\r\n*1\r\n+a\r\n", "array of 2"},
		{"map", "%1\r\n+a\r\n:1\r\n", "map of 2"},
		{"a push ahead of the reply", ">1\r\n+note\r\n+OK\r\n", `simple "OK"`},
		{"verbatim", "=7\r\ntxt:abc\r\n", `verbatim "abc"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := dial(t, fakeServer(t, answer(test.reply)), client.Options{})
			value, err := conn.Do(t.Context(), "ANY")
			if err != nil || value.String() != test.want {
				t.Fatalf("got %v, %v, want %s", value, err, test.want)
			}
		})
	}
}

func TestNestedValues(t *testing.T) {
	conn := dial(t, fakeServer(t, answer("*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n-ERR inner\r\n")), client.Options{})
	value, err := conn.Do(t.Context(), "ANY")
	if err != nil {
		t.Fatal(err)
	}
	if value.Elems[0].Int != 1 || string(value.Elems[1].Elems[0].Bytes) != "x" || !value.Elems[1].Elems[1].IsNull() {
		t.Errorf("got %+v", value)
	}
	if err := value.Elems[2].Err(); err == nil || err.Error() != "ERR inner" {
		t.Errorf("inner error: got %v", err)
	}
}

func TestArgumentsOnTheWire(t *testing.T) {
	received := make(chan string, 1)
	addr := fakeServer(t, func(socket net.Conn) {
		reader := bufio.NewReader(socket)
		var text strings.Builder
		for range 2*7 + 1 {
			line, _ := reader.ReadString('\n')
			text.WriteString(line)
		}
		received <- text.String()
		_, _ = io.WriteString(socket, "+OK\r\n")
	})
	conn := dial(t, addr, client.Options{})
	long := strings.Repeat("v", 300) // makes the scratch buffer move while earlier arguments point into it
	if _, err := conn.Do(t.Context(), "SET", []byte("k"), long, 1, int64(-2), uint64(3), 0.5); err != nil {
		t.Fatal(err)
	}
	want := "*7\r\n$3\r\nSET\r\n$1\r\nk\r\n$300\r\n" + long + "\r\n$1\r\n1\r\n$2\r\n-2\r\n$1\r\n3\r\n$3\r\n0.5\r\n"
	if got := <-received; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var argument *client.ArgumentError
	if _, err := conn.Do(t.Context(), "SET", struct{}{}); !errors.As(err, &argument) || argument.Index != 1 {
		t.Errorf("got %v, want an argument error for argument 1", err)
	}
	if _, err := conn.Do(t.Context()); !errors.As(err, &argument) {
		t.Errorf("got %v, want an argument error", err)
	}
	if conn.Err() != nil || conn.Pending() != 0 {
		t.Errorf("a refused argument left %v, %d pending", conn.Err(), conn.Pending())
	}
}

func TestReplyErrorsKeepTheConnection(t *testing.T) {
	replies := "-MOVED 3999 ::1:6381\r\n-UNKNOWN the leader was lost\r\n-CLUSTERDOWN no leader\r\n+PONG\r\n"
	conn := dial(t, fakeServer(t, answer(replies)), client.Options{})
	wants := []struct {
		prefix  string
		outcome katakv.Outcome
	}{
		{"MOVED", katakv.OutcomeNotApplied},
		{"UNKNOWN", katakv.OutcomeUnknown},
		{"CLUSTERDOWN", katakv.OutcomeNotApplied},
	}
	for i, want := range wants {
		_, err := conn.Do(t.Context(), "SET", "k", "v")
		var reply *client.ReplyError
		if !errors.As(err, &reply) || reply.Prefix != want.prefix || client.OutcomeOf(err) != want.outcome {
			t.Errorf("got %v, outcome %v, want %v", err, client.OutcomeOf(err), want)
		}
		if slot, addr, ok := reply.Moved(); i == 0 && (slot != 3999 || addr != "[::1]:6381" || !ok) {
			t.Errorf("moved: got %v %v %v", slot, addr, ok)
		}
	}
	if value, err := conn.Do(t.Context(), "PING"); err != nil || value.Text() != "PONG" {
		t.Errorf("got %v, %v", value, err)
	}
}

func TestMovedIsCheckedBeforeItIsBelieved(t *testing.T) {
	for _, text := range []string{
		"MOVED", "MOVED 1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED x a:1", "MOVED 1 :7001", "MOVED 1 a", "ASK 1 a:1",
		"MOVED 1 a:1 more",
	} {
		prefix, _, _ := strings.Cut(text, " ")
		if slot, addr, ok := (&client.ReplyError{Prefix: prefix, Text: text}).Moved(); ok {
			t.Errorf("%q: got %d %q", text, slot, addr)
		}
	}
}

func TestPipelineKeepsOrder(t *testing.T) {
	conn := dial(t, fakeServer(t, answer(":0\r\n:1\r\n-ERR two\r\n:3\r\n")), client.Options{})
	for i := range 4 {
		if err := conn.Send("ECHO", i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Receive(t.Context()); !errors.Is(err, client.ErrNothingPending) {
		t.Fatalf("received before the flush: %v", err)
	}
	if err := conn.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Do(t.Context(), "PING"); err == nil {
		t.Fatal("Do amid a pipeline would take another command's reply")
	}
	for i := range int64(4) {
		value, err := conn.Receive(t.Context())
		if i == 2 {
			if err == nil || err.Error() != "ERR two" {
				t.Errorf("got %v", err)
			}
			continue
		}
		if err != nil || value.Int != i {
			t.Errorf("got %v, %v, want %d", value, err, i)
		}
	}
	if conn.Pending() != 0 {
		t.Errorf("%d pending", conn.Pending())
	}
}

func TestBrokenConnectionsStayClosed(t *testing.T) {
	tests := []struct {
		name    string
		serve   func(net.Conn)
		options client.Options
		timeout bool
		says    string
	}{
		{"no RESP", answer("HTTP/1.1 400 Bad Request\r\n"), client.Options{}, false, "Protocol error"},
		{"end within a reply", func(socket net.Conn) {
			_, _ = socket.Read(make([]byte, 64))
			_, _ = io.WriteString(socket, "$10\r\nabc")
		}, client.Options{}, false, "unexpected EOF"},
		{"no reply", answer(""), client.Options{Timeout: 20 * time.Millisecond}, true, "timeout"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := dial(t, fakeServer(t, test.serve), test.options)
			_, err := conn.Do(t.Context(), "SET", "k", "v")
			var broken *client.ConnError
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), test.says) || broken.Timeout() != test.timeout {
				t.Fatalf("got %v, want %q", err, test.says)
			}
			if client.OutcomeOf(err) != katakv.OutcomeUnknown {
				t.Error("a write without a reply may have happened")
			}
			again, err2 := conn.Do(t.Context(), "PING")
			if err2 == nil || client.OutcomeOf(err2) != katakv.OutcomeNotApplied || !strings.Contains(err2.Error(), test.says) {
				t.Errorf("a broken connection answered %v, %v", again, err2)
			}
		})
	}
}

func TestContextEndsWaits(t *testing.T) {
	conn := dial(t, fakeServer(t, answer("")), client.Options{Timeout: -1})
	ctx, cancel := context.WithCancel(t.Context())
	if err := conn.Send("GET", "k"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	go cancel()
	if _, err := conn.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if conn.Err() == nil {
		t.Error("a reply is still awaited, so the connection cannot be used")
	}
}

func TestEndOfAnOldContextIsHarmless(t *testing.T) {
	asked := make(chan struct{})
	conn := dial(t, fakeServer(t, func(socket net.Conn) {
		buffer := make([]byte, 64)
		_, _ = socket.Read(buffer)
		_, _ = io.WriteString(socket, "+1\r\n")
		_, _ = socket.Read(buffer)
		<-asked
		_, _ = io.WriteString(socket, "+2\r\n")
	}), client.Options{})
	old, cancel := context.WithCancel(t.Context())
	if _, err := conn.Do(old, "PING"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Send("PING"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	close(asked)
	if value, err := conn.Receive(t.Context()); err != nil || value.Text() != "2" {
		t.Errorf("got %v, %v", value, err)
	}
	// A context that has ended sends nothing and costs the connection nothing.
	if _, err := conn.Do(old, "PING"); client.OutcomeOf(err) != katakv.OutcomeNotApplied || conn.Err() != nil || conn.Pending() != 0 {
		t.Errorf("got %v, connection %v, %d pending", err, conn.Err(), conn.Pending())
	}
}

func TestCloseEndsWaits(t *testing.T) {
	conn := dial(t, fakeServer(t, answer("")), client.Options{Timeout: -1})
	go func() { _ = conn.Close() }()
	if _, err := conn.Do(t.Context(), "PING"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestDialFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	_, err = client.Dial(t.Context(), listener.Addr().String(), client.Options{})
	if client.OutcomeOf(err) != katakv.OutcomeNotApplied {
		t.Errorf("got %v", err)
	}
	addr := fakeServer(t, answer("-NOPROTO unsupported protocol version\r\n"))
	var reply *client.ReplyError
	if _, err := client.Dial(t.Context(), addr, client.Options{Protocol: 3}); !errors.As(err, &reply) {
		t.Errorf("got %v", err)
	}
}

func TestSendBytesAllocatesNothing(t *testing.T) {
	conn := dial(t, fakeServer(t, func(socket net.Conn) { _, _ = io.Copy(io.Discard, socket) }), client.Options{})
	set, key, value := []byte("SET"), []byte("key"), make([]byte, 128)
	ctx := t.Context()
	allocations := testing.AllocsPerRun(1000, func() {
		_ = conn.SendBytes(set, key, value)
		_ = conn.Flush(ctx)
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}
