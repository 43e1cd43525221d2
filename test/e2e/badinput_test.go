package e2e

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/wire"
)

// badInput is something that no client should send.
type badInput struct {
	name string
	send string
	want string // the whole answer
	open bool   // the connection goes on after the answer; otherwise it ends behind it
}

// badRESP holds what both Redis ports must answer alike.
func badRESP() []badInput {
	const protocol = "-ERR Protocol error: "
	garbage := make([]byte, 100<<10)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range garbage {
		garbage[i] = byte(0x80 | random.Uint32()) // no line end, no kind of value
	}
	return []badInput{
		{name: "2 GB declared", send: "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000000\r\n", want: protocol + "invalid bulk length\r\n"},
		{name: "2 GB declared and begun", send: "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000000\r\n" + strings.Repeat("v", 1<<20), want: protocol + "invalid bulk length\r\n"},
		{name: "9 billion arguments", send: "*9000000000\r\n", want: protocol + "invalid multibulk length\r\n"},
		{name: "9 billion arguments of nothing", send: "*9000000000\r\n" + strings.Repeat("$0\r\n\r\n", 10_000), want: protocol + "invalid multibulk length\r\n"},
		{name: "a length over 64 bits", send: "*1\r\n$99999999999999999999999\r\n", want: protocol + "invalid bulk length\r\n"},
		{name: "a negative bulk", send: "*1\r\n$-5\r\n", want: protocol + "invalid bulk length\r\n"},
		{name: "a count that is no number", send: "*abc\r\n", want: protocol + "invalid multibulk length\r\n"},
		{name: "a count without end", send: "*" + strings.Repeat("1", 100), want: protocol + "invalid multibulk length\r\n"},
		{name: "no bulk in an array", send: "*1\r\n:1\r\n", want: protocol + "expected '$', got ':'\r\n"},
		{name: "a nested array", send: "*1\r\n*1\r\n$4\r\nPING\r\n", want: protocol + "expected '$', got '*'\r\n"},
		{name: "a bulk longer than said", send: "*1\r\n$4\r\nPINGPING\r\n", want: protocol + "expected a line end after the bulk\r\n"},
		{name: "good, then bad", send: "PING\r\n*1\r\n$x\r\n", want: "+PONG\r\n" + protocol + "invalid bulk length\r\n"},
		{name: "unbalanced quotes", send: "SET k \"v\r\n", want: protocol + "unbalanced quotes in request\r\n"},
		{name: "a huge line", send: strings.Repeat("a", 1<<20), want: protocol + "too big inline request\r\n"},
		{name: "a huge line with an end", send: "SET k " + strings.Repeat("a", 1<<20) + "\r\n", want: protocol + "too big inline request\r\n"},
		{name: "binary garbage", send: string(garbage), want: protocol + "too big inline request\r\n"},
		{name: "TLS", send: clientHello(), want: "-ERR this port speaks the Redis protocol, not TLS\r\n"},
		{name: "a word", send: "hello?\r\n", want: "-ERR unknown command 'hello?', with args beginning with: \r\n", open: true},
		{name: "a negative count", send: "*-9000000000\r\n*1\r\n$4\r\nPING\r\n", want: "+PONG\r\n", open: true},
		{name: "empty lines", send: "\r\n\r\n\nPING\r\n", want: "+PONG\r\n", open: true},
	}
}

// TestBadInputRESP sends what is not RESP, or is too much of it, to both Redis ports.
func TestBadInputRESP(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Shards: 4})
	victim := c.Nodes[0]
	other := dial(t, victim.Plain)
	before := memory(t, victim, "VmRSS")
	for port, addr := range map[string]string{"cluster": victim.Cluster, "plain": victim.Plain} {
		for _, bad := range badRESP() {
			checkBadInput(t, port+" port: "+bad.name, addr, &bad)
			do(t, other, "PING")
		}
	}
	figure(t, "resident memory before bad input", mebibytes(before), "MiB")
	checkResident(t, victim, "resident memory after bad input")
	checkAlive(t, c)
}

// TestTruncatedPipeline cuts a pipeline at every byte of its last command: the commands before it are carried
// out, it is not.
func TestTruncatedPipeline(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Shards: 4})
	addr := c.Nodes[0].Plain
	const whole = "*3\r\n$3\r\nSET\r\n$5\r\nfirst\r\n$3\r\nyes\r\n"
	const last = "*3\r\n$3\r\nSET\r\n$6\r\nsecond\r\n$2\r\nno\r\n"
	for cut := range len(last) {
		socket := dialRaw(t, addr)
		send(socket, whole+last[:cut])
		if err := socket.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(socket); err != nil || string(got) != "+OK\r\n" {
			t.Errorf("cut after %d bytes: got %q, %v, want +OK and the end", cut, got, err)
		}
		_ = socket.Close()
	}
	wantGet(t, addr, "first", "yes")
	wantGet(t, addr, "second", "")
	checkAlive(t, c)
}

// TestClientsThatNeverRead keeps sending requests for large values without taking the answers, then leaves in
// the middle of a command.
func TestClientsThatNeverRead(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	c := start(t, localcluster.Options{Shards: 4})
	const clients, valueBytes = 16, 1 << 20
	do(t, dial(t, c.Nodes[0].Plain), "SET", "large", bytes.Repeat([]byte{'v'}, valueBytes))
	var group sync.WaitGroup
	for _, addr := range []string{c.Nodes[0].Plain, c.Nodes[1].Plain} {
		for range clients {
			socket := dialRaw(t, addr)
			group.Go(func() {
				request := strings.Repeat("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n", 1000)
				_ = socket.SetWriteDeadline(time.Now().Add(2 * time.Second))
				for {
					if _, err := io.WriteString(socket, request+"*2\r\n$3\r\nGE"); err != nil {
						break // the server has stopped to read: it holds as much as it will
					}
				}
				_ = socket.Close()
			})
		}
	}
	group.Wait()
	for _, n := range c.Nodes[:2] {
		checkResident(t, n, fmt.Sprintf("peak resident memory of node %d with clients that never read", n.ID))
	}
	checkAlive(t, c)
}

// TestUnfinishedValues has many clients begin the largest value and stop halfway.
func TestUnfinishedValues(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	c := start(t, localcluster.Options{Shards: 4})
	addr := c.Nodes[0].Plain
	const clients = 100
	begun := "*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$" + strconv.Itoa(katakv.DefaultMaxValueBytes) + "\r\n" +
		strings.Repeat("v", katakv.DefaultMaxValueBytes/2)
	var group sync.WaitGroup
	answers := make([]string, clients)
	for i := range clients {
		socket := dialRaw(t, addr)
		defer socket.Close()
		group.Go(func() {
			go send(socket, begun)
			_ = socket.SetReadDeadline(time.Now().Add(7 * time.Second)) // longer than a connection waits for memory
			answer, _ := io.ReadAll(socket)
			answers[i] = string(answer)
		})
	}
	group.Wait()
	const want = "-ERR this node holds too many bytes of unfinished commands: send fewer large values at a time\r\n"
	refused := 0
	for _, answer := range answers {
		switch answer {
		case "":
		case want:
			refused++
		default:
			t.Errorf("got %q, want %q or none yet", answer, want)
		}
	}
	if refused == 0 || refused == clients {
		t.Errorf("%d of %d clients were refused, want some", refused, clients)
	}
	t.Logf("%d of %d clients were refused", refused, clients)
	checkResident(t, c.Nodes[0], "peak resident memory with unfinished values")
	wantGet(t, addr, "half", "")
	checkAlive(t, c)
}

// TestHTTPOnRedisPort sends HTTP to the Redis ports, and to the others what they do not speak.
func TestHTTPOnRedisPort(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Shards: 4})
	n := c.Nodes[0]
	const request = "GET /v1/cluster HTTP/1.1\r\nHost: katakv\r\n\r\n"
	body := "this port speaks the Redis protocol; HTTP is at http://" + n.HTTP + "\n"
	answer := "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\nConnection: close\r\n\r\n" + body
	for _, addr := range []string{n.Cluster, n.Plain} {
		for _, text := range []string{
			request,
			"POST / HTTP/1.1\r\nHost: katakv\r\nContent-Length: 15\r\n\r\nSET smuggled 1\r\n",
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		} {
			checkBadInput(t, "HTTP to "+addr, addr, &badInput{send: text, want: answer})
		}
	}
	wantGet(t, n.Plain, "smuggled", "")

	peer := map[string]string{
		request:                   "it speaks HTTP",
		clientHello():             "it speaks TLS",
		"*1\r\n$4\r\nPING\r\n":    "it speaks the Redis protocol",
		"\x00\xff\x00\xffgarbage": "it begins with",
		wire.Magic + "\x00\x94\x35\x77\x00\x00\x00\x00": "frame of 2000000000 bytes",
	}
	for text, words := range peer {
		// Strangers get no answer: who asks is in the log.
		socket := dialRaw(t, n.Peer)
		send(socket, text)
		if got, err := io.ReadAll(socket); len(got) > 0 || isTimeout(err) {
			t.Errorf("%.16q to the peer port: got %q, %v, want the end", text, got, err)
		}
		_ = socket.Close()
		waitForLog(t, n, words)
	}

	for _, text := range []string{"*1\r\n$4\r\nPING\r\n", "PING\r\n\r\n", clientHello() + "\r\n\r\n", "\x00\xff\x00\xff\r\n\r\n"} {
		socket := dialRaw(t, n.HTTP)
		send(socket, text)
		got, err := io.ReadAll(socket)
		if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 Bad Request\r\n") {
			t.Errorf("%.16q to the HTTP port: got %q, %v", text, got, err)
		}
		_ = socket.Close()
	}
	checkResident(t, n, "resident memory after foreign protocols")
	checkAlive(t, c)
}

// TestValueOverTheLimit writes keys and values at their limits and beyond.
func TestValueOverTheLimit(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Shards: 4})
	const limit = katakv.DefaultMaxValueBytes
	longest := strings.Repeat("k", katakv.MaxKeyBytes)
	value := make([]byte, limit+1)
	for i := range value {
		value[i] = byte(i * 2654435761 >> 16)
	}
	for _, n := range c.Nodes {
		conn := dial(t, n.Plain)
		refused(t, conn, fmt.Sprintf("ERR value of %d bytes is over the limit of %d bytes (setting max-value-bytes)", limit+1, limit),
			"SET", "over", value)
		refused(t, conn, fmt.Sprintf("ERR key of %d bytes is over the limit of %d bytes", len(longest)+1, len(longest)),
			"SET", longest+"k", "v")
		refused(t, conn, fmt.Sprintf("ERR value of %d bytes is over the limit of %d bytes (setting max-value-bytes)", 64<<20, limit),
			"SET", "over", make([]byte, 64<<20))
		do(t, conn, "SET", fmt.Sprintf("full:%d", n.ID), value[:limit])
		do(t, conn, "SET", longest, "v")
	}
	for _, n := range c.Nodes {
		conn := dial(t, n.Plain)
		for _, writer := range c.Nodes {
			got := do(t, conn, "GET", fmt.Sprintf("full:%d", writer.ID)).Bytes
			if !bytes.Equal(got, value[:limit]) {
				t.Errorf("node %d returns %d bytes of the value written through node %d, and not the same", n.ID, len(got), writer.ID)
			}
		}
		wantGet(t, n.Plain, "over", "")
		wantGet(t, n.Plain, longest, "v")
		checkResident(t, n, fmt.Sprintf("resident memory of node %d after the largest values", n.ID))
	}
	checkAlive(t, c)
}

// TestPipelineOfLargeValues asks for far more than memory holds in one pipeline, and in one command, and reads
// all of it.
func TestPipelineOfLargeValues(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	c := start(t, localcluster.Options{Shards: 4})
	const clients = 2
	gets := sized(60, 400)
	value := make([]byte, katakv.DefaultMaxValueBytes)
	do(t, dial(t, c.Nodes[0].Plain), "SET", "large", value)
	var group sync.WaitGroup
	for i := range clients {
		socket := dialRaw(t, c.Nodes[i].Plain)
		_ = socket.SetDeadline(time.Now().Add(patience))
		group.Go(func() {
			go send(socket, strings.Repeat("*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n", gets))
			reply := int64(len(fmt.Sprintf("$%d\r\n\r\n", len(value))) + len(value))
			if n, err := io.CopyN(io.Discard, socket, int64(gets)*reply); err != nil {
				t.Errorf("read %d bytes: %v", n, err)
			}
		})
	}
	group.Wait()
	for _, n := range c.Nodes {
		checkResident(t, n, fmt.Sprintf("peak resident memory of node %d, %d large values in a pipeline", n.ID, gets))
	}
	checkAlive(t, c)
}

// checkBadInput sends and compares the answer and what becomes of the connection.
func checkBadInput(t *testing.T, name, addr string, bad *badInput) {
	t.Helper()
	socket := dialRaw(t, addr)
	defer socket.Close()
	go send(socket, bad.send)
	if !bad.open {
		got, err := io.ReadAll(socket)
		if err != nil || string(got) != bad.want {
			t.Errorf("%s: got %q, %v, want %q and the end", name, got, err, bad.want)
		}
		return
	}
	got := make([]byte, len(bad.want))
	if n, err := io.ReadFull(socket, got); err != nil || string(got) != bad.want {
		t.Errorf("%s: got %q, %v, want %q", name, got[:n], err, bad.want)
		return
	}
	const echo = "$2\r\non\r\n"
	send(socket, "ECHO on\r\n")
	got = make([]byte, len(echo))
	if n, err := io.ReadFull(socket, got); err != nil || string(got) != echo {
		t.Errorf("%s: then ECHO: got %q, %v", name, got[:n], err)
	}
}

// dialRaw connects for bytes that client would not send; nothing on the connection takes longer than patience.
func dialRaw(t *testing.T, addr string) net.Conn {
	t.Helper()
	socket, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	_ = socket.SetDeadline(time.Now().Add(patience))
	return socket
}

// send writes as much as the other side takes: it may close before it has read all.
func send(socket net.Conn, text string) { _, _ = io.WriteString(socket, text) }

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// refused checks that a command is answered by exactly this error and that the connection goes on.
func refused(t *testing.T, conn *client.Conn, want string, args ...any) {
	t.Helper()
	if got := refusedWith(t, conn, want, args...); got != want {
		t.Errorf("%.20v: got %q, want %q", args[:1], got, want)
	}
}

// refusedWith checks that a command is answered by an error with these words and that the connection goes on.
func refusedWith(t *testing.T, conn *client.Conn, words string, args ...any) string {
	t.Helper()
	_, err := conn.Do(t.Context(), args...)
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("%v: got error %v, want %q", args[:1], err, words)
		return ""
	}
	do(t, conn, "PING")
	return err.Error()
}

// checkAlive checks that no node has died and that each still takes and gives.
func checkAlive(t *testing.T, c *localcluster.Cluster) {
	t.Helper()
	for _, n := range c.Nodes {
		if !n.Running() {
			t.Fatalf("node %d has died: %s", n.ID, n.LogTail())
		}
		conn := dial(t, n.Plain)
		do(t, conn, "SET", "alive", n.ID)
		if got := do(t, conn, "GET", "alive").Text(); got != strconv.Itoa(n.ID) {
			t.Errorf("GET at node %d: got %q, want %d", n.ID, got, n.ID)
		}
	}
}

// checkResident reports the most memory that a node has had, and checks that it is within the default bound.
func checkResident(t *testing.T, n *localcluster.Node, name string) {
	t.Helper()
	peak := memory(t, n, "VmHWM")
	figure(t, name, mebibytes(peak), "MiB")
	if peak > maxResidentBytes {
		t.Errorf("%s: node %d had %d bytes, want at most %d", name, n.ID, peak, maxResidentBytes)
	}
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// waitForLog waits until a node has logged the words.
func waitForLog(t *testing.T, n *localcluster.Node, words string) {
	t.Helper()
	eventually(t, func() error {
		log, err := os.ReadFile(n.Log)
		if err == nil && !strings.Contains(string(log), words) {
			err = fmt.Errorf("node %d has not logged %q", n.ID, words)
		}
		return err
	})
}

// clientHello returns how a TLS client begins.
func clientHello() string {
	here, there := net.Pipe()
	go func() {
		_ = tls.Client(here, &tls.Config{ServerName: "katakv"}).Handshake() //nolint:gosec // nothing is encrypted
	}()
	hello := make([]byte, 16<<10)
	n, _ := there.Read(hello)
	_ = there.Close()
	return string(hello[:n])
}
