package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/wire"
)

// raftBatch returns appends of one entry of 160 bytes to so many shards.
func raftBatch(shards int) *wire.RaftBatch {
	batch := &wire.RaftBatch{}
	for shard := range shards {
		batch.Items = append(batch.Items, wire.RaftItem{Shard: katakv.ShardID(shard), Message: &raftpb.Message{
			Type: raftpb.MsgApp.Enum(), To: proto.Uint64(2), From: proto.Uint64(1), Term: proto.Uint64(3),
			LogTerm: proto.Uint64(3), Index: proto.Uint64(1000), Commit: proto.Uint64(999),
			Entries: []*raftpb.Entry{{
				Term: proto.Uint64(3), Index: proto.Uint64(1001), Type: raftpb.EntryNormal.Enum(), Data: make([]byte, 160),
			}},
		}})
	}
	return batch
}

func TestStrangersAreTurnedAway(t *testing.T) {
	for _, c := range []struct{ name, sent, logged string }{
		{"http", "GET / HTTP/1.1\r\nHost: katakv\r\n\r\n", "it speaks HTTP"},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "it speaks TLS"},
		{"redis", "*1\r\n$4\r\nPING\r\n", "it speaks the Redis protocol"},
		{"garbage", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7", "it begins with"},
		{"long hello", wire.Magic + "\xff\xff\xff\x00\x00\x00\x00\x00", "frame of 16777215 bytes"},
		{"bad checksum", wire.Magic + "\x02\x00\x00\x00\x00\x00\x00\x00\x01\x01", "checksum"},
		{"no hello", wire.Magic + string(frame(t, &wire.MapRequest{Epoch: 1})), "instead of a handshake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := startNode(t, 1, &addresses{}, nil)
			for range 3 {
				p := dialRaw(t, n.address)
				p.write([]byte(c.sent))
				p.awaitClosed()
			}
			n.Stop()
			if got := n.log.count(c.logged); got != 1 {
				t.Errorf("%q is logged %d times, want once: %q", c.logged, got, n.log.lines)
			}
		})
	}
}

func TestHandshakeChecks(t *testing.T) {
	n := startNode(t, 1, &addresses{}, nil)
	for _, c := range []struct {
		want  string
		hello wire.Hello
	}{
		{"cluster", wire.Hello{Cluster: 5, From: 2, To: 1}},
		{"not n9", wire.Hello{Cluster: testCluster, From: 2, To: 9}},
		{"own id", wire.Hello{Cluster: testCluster, From: 1, To: 1}},
		{"no id", wire.Hello{Cluster: testCluster, From: 0, To: 1}},
		{"unknown class", wire.Hello{Cluster: testCluster, From: 2, To: 1, Carries: wire.ClassCount}},
		{"unknown purpose", wire.Hello{Cluster: testCluster, From: 2, To: 1, Purpose: 9}},
	} {
		p := dialRaw(t, n.address)
		if _, err := exchange(p, &c.hello); !errors.Is(err, errRefused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.hello, err, c.want)
		}
		p.awaitClosed()
	}
	newer := &wire.Hello{Version: 9, Oldest: 8, Cluster: testCluster, From: 2, To: 1}
	p := dialRaw(t, n.address)
	p.write(append([]byte(wire.Magic), frame(t, newer)...))
	if answer, err := readHello(p); err != nil || !strings.Contains(answer.Error, "versions 8 to 9") {
		t.Errorf("newer version: got %+v, %v", answer, err)
	}
}

func TestBadFramesEndTheConnection(t *testing.T) {
	corrupt := frame(t, &wire.MapRequest{Epoch: 300})
	corrupt[len(corrupt)-1] ^= 1
	oversized := binary.LittleEndian.AppendUint32(nil, wire.MaxPayloadBytes+1)
	for _, c := range []struct {
		name, logged string
		sent         []byte
	}{
		{"corrupt", "checksum", corrupt},
		{"oversized", "frame of", append(oversized, 0, 0, 0, 0, 1)},
		{"empty", "frame of 0", make([]byte, 9)},
		{"wrong class", "on a control connection", frame(t, &wire.MapReply{Map: []byte("m")})},
		{"administration", "on a control connection", frame(t, &wire.NodeStatusRequest{})},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := startNode(t, 1, &addresses{}, nil)
			p := dialRaw(t, n.address).mustHello(2, 1, wire.ClassControl)
			p.write(append(frame(t, &wire.MapRequest{Epoch: 5}), c.sent...))
			if got := n.await(t, "message", wire.ClassControl).m.(*wire.MapRequest).Epoch; got != 5 {
				t.Errorf("got message %d", got)
			}
			p.awaitClosed()
			n.Stop()
			if n.log.count(c.logged) != 1 || len(n.events) != 0 {
				t.Errorf("got log %q and %d events", n.log.lines, len(n.events))
			}
		})
	}
}

// A frame that claims to be as long as one may be, of which little arrives.
func TestMemoryGrowsWithWhatArrives(t *testing.T) {
	header := binary.LittleEndian.AppendUint32(nil, wire.MaxPayloadBytes)
	header = append(header, 0, 0, 0, 0)
	for _, arrives := range []int{1, firstPayloadBytes, 300 << 10} {
		r := strings.NewReader(string(header) + strings.Repeat("\x07", arrives))
		if _, _, err := newFrameReader(r, wire.MaxPayloadBytes, readBufferBytes).next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: got %v", arrives, err)
		}
		buf, err := readGrowing(strings.NewReader(strings.Repeat("x", arrives)), nil, wire.MaxPayloadBytes)
		if err == nil || len(buf) != arrives || cap(buf) > 2*max(arrives, firstPayloadBytes) {
			t.Errorf("%d bytes: got %d of room %d, %v", arrives, len(buf), cap(buf), err)
		}
	}
}

func TestNewerConnectionReplacesOlder(t *testing.T) {
	n := startNode(t, 1, &addresses{}, nil)
	older := dialRaw(t, n.address).mustHello(2, 1, wire.ClassControl)
	other := dialRaw(t, n.address).mustHello(2, 1, wire.ClassLog)
	if _, err := dialRaw(t, n.address).hello(99, 2, 1, wire.ClassControl); !errors.Is(err, errRefused) {
		t.Fatalf("got %v", err)
	}
	older.write(frame(t, &wire.MapRequest{Epoch: 1})) // a failed handshake replaces nothing
	n.await(t, "message", wire.ClassControl)

	newer := dialRaw(t, n.address).mustHello(2, 1, wire.ClassControl)
	older.awaitClosed()
	newer.write(frame(t, &wire.MapRequest{Epoch: 2}))
	if got := n.await(t, "message", wire.ClassControl).m.(*wire.MapRequest).Epoch; got != 2 {
		t.Errorf("got message %d", got)
	}
	other.write(frame(t, &wire.RaftBatch{}))
	n.await(t, "message", wire.ClassLog)
}

func TestInboundConnectionsAreBounded(t *testing.T) {
	n := startNode(t, 1, &addresses{}, func(cfg *Config) { cfg.Limits.MaxInbound = 2 })
	first := dialRaw(t, n.address).mustHello(2, 1, wire.ClassControl)
	dialRaw(t, n.address).mustHello(3, 1, wire.ClassControl)
	dialRaw(t, n.address).awaitClosed()
	first.write(frame(t, &wire.MapRequest{Epoch: 1}))
	n.await(t, "message", wire.ClassControl)
}

func TestAsk(t *testing.T) {
	status := &wire.NodeStatus{Empty: true, Addresses: placement.Addresses{Peer: "h:1"}, Version: "v"}
	n := startNode(t, 1, &addresses{}, func(cfg *Config) {
		cfg.Identity = Identity{} // it waits for a cluster
		cfg.Handler.(*recorder).admin = func(request wire.Message) wire.Message {
			switch request := request.(type) {
			case *wire.NodeStatusRequest:
				return status
			case *wire.BootstrapRequest:
				return &wire.BootstrapReply{Error: request.Node.String()}
			}
			return nil
		}
	})
	ctx := t.Context()
	answer, err := Ask(ctx, n.address, &wire.NodeStatusRequest{})
	if got, ok := answer.(*wire.NodeStatus); err != nil || !ok || !got.Empty || got.Addresses != status.Addresses {
		t.Errorf("got %+v, %v", answer, err)
	}
	answer, err = Ask(ctx, n.address, &wire.BootstrapRequest{Node: 6, Map: make([]byte, placement.MaxMapBytes)})
	if got, ok := answer.(*wire.BootstrapReply); err != nil || !ok || got.Error != "n6" {
		t.Errorf("got %+v, %v", answer, err)
	}
	if _, err = Ask(ctx, n.address, &wire.MapRequest{}); err == nil || !strings.Contains(err.Error(), "cannot answer *wire.MapRequest") {
		t.Errorf("got %v", err)
	}
	n.Stop()
	if _, err = Ask(ctx, n.address, &wire.NodeStatusRequest{}); err == nil {
		t.Error("a stopped node answers")
	}
}

func TestAskWhoeverListens(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	defer l.Close()
	web := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		web <- conn
	}()
	if _, err := Ask(t.Context(), l.Addr().String(), &wire.NodeStatusRequest{}); err == nil || !strings.Contains(err.Error(), "it speaks HTTP") {
		t.Errorf("got %v", err)
	}
	_ = (<-web).Close()

	mute := listen(t, "127.0.0.1:0")
	defer mute.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := mute.Accept()
		if err != nil {
			return
		}
		_, _ = readHello(conn)
		cancel() // it never answers
	}()
	if _, err := Ask(ctx, mute.Addr().String(), &wire.NodeStatusRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
