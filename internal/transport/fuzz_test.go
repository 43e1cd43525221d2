package transport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/internal/wire"
)

// FuzzStream reads any bytes as a connection is read: the handshake, then frames. However they arrive, the same comes
// out, and what is read can be written again. With fix, the input is cut into payloads of which frames are made, so
// that the fuzzer need not guess checksums.
func FuzzStream(f *testing.F) {
	hello := &wire.Hello{Cluster: 1, From: 2, To: 3}
	var seed bytes.Buffer
	if err := writeHello(&seed, hello); err != nil {
		f.Fatal(err)
	}
	batch := &wire.RaftBatch{Items: []wire.RaftItem{{Shard: 1, Message: &raftpb.Message{Type: raftpb.MsgApp.Enum()}}}}
	messages := []wire.Message{batch, &wire.Gossip{Epoch: 1}, &wire.MapReply{Map: []byte("map")}, &wire.SnapshotAck{Stream: 9}}
	stream, cut := seed.Bytes(), appendPiece(nil, wire.Append(nil, hello))
	for _, m := range messages {
		var err error
		if stream, err = wire.AppendFrames(stream, m); err != nil {
			f.Fatal(err)
		}
		cut = appendPiece(cut, wire.Append(nil, m))
	}
	f.Add(stream, false)
	f.Add(stream[:len(stream)-1], false)
	f.Add(append([]byte(wire.Magic), 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 1), false)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	f.Add(cut, true)
	f.Fuzz(func(t *testing.T, input []byte, fix bool) {
		if fix {
			input = framed(input)
		}
		var whole string
		require.AllocBelow(t, 128*len(input)+readBufferBytes, func() { whole = readStream(t, bytes.NewReader(input)) })
		if bytewise := readStream(t, iotest.OneByteReader(bytes.NewReader(input))); bytewise != whole {
			t.Fatalf("byte by byte: %s, want %s", bytewise, whole)
		}
		if late := readStream(t, iotest.DataErrReader(bytes.NewReader(input))); late != whole {
			t.Fatalf("with the end beside the last bytes: %s, want %s", late, whole)
		}
	})
}

// readStream tells what came out of a connection.
func readStream(t *testing.T, r io.Reader) string {
	t.Helper()
	hello, err := readHello(r)
	if err != nil {
		return err.Error()
	}
	out := fmt.Sprintf("%+v; ", hello)
	frames := newFrameReader(r, wire.MaxPayloadBytes, readBufferBytes)
	for {
		m, size, err := frames.next()
		if err != nil {
			return out + err.Error()
		}
		again, err := wire.AppendFrames(nil, m)
		if err != nil {
			t.Fatalf("%T was read and cannot be written: %v", m, err)
		}
		out += fmt.Sprintf("%d bytes, %x; ", size, again)
	}
}

// appendPiece appends what framed takes off again.
func appendPiece(dst, payload []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(payload)))
	return append(dst, payload...)
}

func framed(input []byte) []byte {
	out := []byte(wire.Magic)
	for len(input) >= 2 {
		n := min(int(binary.LittleEndian.Uint16(input)), len(input)-2)
		payload := input[2 : 2+n]
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
		out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
		out = append(out, payload...)
		input = input[2+n:]
	}
	return out
}
