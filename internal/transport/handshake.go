package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/wire"
)

// errRefused is wrapped by errors about a peer that answered the handshake and does not want us, or that is not
// the one we want.
var errRefused = errors.New("connection refused in the handshake")

// exchange is the dialler's half of the handshake: hello goes out, the other's hello comes back.
func exchange(conn net.Conn, hello *wire.Hello) (*wire.Hello, error) {
	if err := writeHello(conn, hello); err != nil {
		return nil, fmt.Errorf("write handshake: %w", err)
	}
	answer, err := readHello(conn)
	if err != nil {
		return nil, fmt.Errorf("read handshake: %w", err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%w: %s", errRefused, answer.Error)
	}
	if reason := checkVersions(answer); reason != "" {
		return nil, fmt.Errorf("%w: %s", errRefused, reason)
	}
	return answer, nil
}

func writeHello(w io.Writer, hello *wire.Hello) error {
	hello.Version, hello.Oldest = wire.Version, wire.OldestVersion
	data, err := wire.AppendFrames([]byte(wire.Magic), hello)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// readHello reads what a connection must open with and nothing beyond it.
func readHello(r io.Reader) (*wire.Hello, error) {
	var magic [len(wire.Magic)]byte
	if n, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, fmt.Errorf("after %d bytes: %w", n, err)
	}
	if string(magic[:]) != wire.Magic {
		return nil, fmt.Errorf("this is no KataKV node: %s", describe(magic[:]))
	}
	var head [wire.FrameHeaderBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	header, err := wire.ParseFrameHeader(head, wire.MaxHelloBytes)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	if err := header.Check(payload); err != nil {
		return nil, err
	}
	m, err := wire.Decode(payload)
	if err != nil {
		return nil, err
	}
	hello, ok := m.(*wire.Hello)
	if !ok {
		return nil, fmt.Errorf("%T instead of a handshake", m)
	}
	return hello, nil
}

// describe guesses what a stranger speaks from its first bytes.
func describe(start []byte) string {
	for _, method := range []string{"GET ", "POST", "PUT ", "HEAD", "HTTP", "OPTI", "DELE", "PRI "} {
		if bytes.HasPrefix(start, []byte(method)) {
			return "it speaks HTTP"
		}
	}
	switch {
	case start[0] == 0x16 && start[1] == 0x03:
		return "it speaks TLS"
	case start[0] == '*' || start[0] == '+' || start[0] == '-' || bytes.HasPrefix(start, []byte("PING")):
		return "it speaks the Redis protocol"
	default:
		return fmt.Sprintf("it begins with %q", start)
	}
}

func checkVersions(hello *wire.Hello) string {
	if hello.Version >= wire.OldestVersion && wire.Version >= hello.Oldest {
		return ""
	}
	return fmt.Sprintf("it speaks versions %d to %d of the language between nodes, this node %d to %d: upgrade the older one",
		hello.Oldest, hello.Version, wire.OldestVersion, wire.Version)
}

// checkPeer says why a node that wants to send messages is refused; empty when it is not.
func checkPeer(me Identity, hello *wire.Hello) string {
	switch {
	case me.Self == 0:
		return "this node is not part of a cluster yet"
	case hello.Cluster != me.Cluster:
		return fmt.Sprintf("this node is part of cluster %v, not %v: check the addresses", me.Cluster, hello.Cluster)
	case hello.To != me.Self:
		return fmt.Sprintf("this is node %v, not %v: check the addresses in the cluster map", me.Self, hello.To)
	case hello.From == 0:
		return "the node that dials has no id"
	case hello.From == me.Self:
		return fmt.Sprintf("node %v dials, which is this node's own id", hello.From)
	case hello.Carries >= wire.ClassCount:
		return fmt.Sprintf("unknown class %d", hello.Carries)
	default:
		return ""
	}
}

// connect makes a connection to a peer and goes through the handshake.
func (t *Transport) connect(s *sender, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.cfg.Limits.DialTimeout)
	defer cancel()
	conn, err := t.cfg.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if !t.track(conn) {
		return nil, net.ErrClosed
	}
	if err := t.introduce(s, conn); err != nil {
		t.untrack(conn)
		return nil, err
	}
	return conn, nil
}

func (t *Transport) introduce(s *sender, conn net.Conn) error {
	if err := conn.SetDeadline(clock.Wall().Add(t.cfg.Limits.HandshakeTimeout)); err != nil {
		return err
	}
	me := t.Identity()
	answer, err := exchange(conn, &wire.Hello{
		Cluster: me.Cluster, From: me.Self, To: s.node, Boot: me.Boot, Carries: s.class, Purpose: wire.PurposePeer,
	})
	switch {
	case err != nil:
		return err
	case answer.Cluster != me.Cluster:
		return fmt.Errorf("%w: it is part of cluster %v, not %v", errRefused, answer.Cluster, me.Cluster)
	case answer.From != s.node:
		return fmt.Errorf("%w: it is node %v, not %v", errRefused, answer.From, s.node)
	}
	return conn.SetDeadline(time.Time{})
}
