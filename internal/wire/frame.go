package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/katakv/katakv/internal/placement"
)

// A frame is a payload that travels:
//
//	+-----------------+------------------+---------------------+
//	| length (u32 LE) | CRC32C (u32 LE)  | payload             |
//	| of the payload  | of the payload   | kind(1 B) and body  |
//	+-----------------+------------------+---------------------+

// FrameHeaderBytes is the size of what stands before a payload.
const FrameHeaderBytes = 8

// ErrTooLarge is wrapped by errors about messages that no receiver would accept.
var ErrTooLarge = errors.New("message too large")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendFrames appends m to dst as frames, ready to be written, and returns the longer slice. That is one
// frame, except that a RaftBatch continues in another one as soon as a frame is well filled; each can be
// decoded alone. With an error, which wraps [ErrTooLarge], dst is returned as it was.
func AppendFrames(dst []byte, m Message) ([]byte, error) {
	before := len(dst)
	if err := checkCounts(m); err != nil {
		return dst, err
	}
	batch, ok := m.(*RaftBatch)
	if !ok {
		start := len(dst)
		dst = Append(append(dst, make([]byte, FrameHeaderBytes)...), m)
		if err := closeFrame(dst, start); err != nil {
			return dst[:before], err
		}
		return dst, nil
	}
	for items := batch.Items; ; {
		start := len(dst)
		dst = appendBatchHeader(append(dst, make([]byte, FrameHeaderBytes)...), batch)
		for len(items) > 0 && len(dst)-start < softPayloadBytes {
			dst = appendItem(dst, &items[0])
			items = items[1:]
		}
		if err := closeFrame(dst, start); err != nil {
			return dst[:before], err
		}
		if len(items) == 0 {
			return dst, nil
		}
	}
}

// checkCounts holds m against the limits that are not of bytes. A batch cannot break its own: it is cut first.
func checkCounts(m Message) error {
	count, limit := 0, 0
	switch m := m.(type) {
	case *Forward:
		count, limit = len(m.Operations), MaxForwardOperations
	case *ForwardReply:
		count, limit = len(m.Replies), MaxForwardOperations
	case *MapReply:
		count, limit = len(m.Map), placement.MaxMapBytes
	}
	if count > limit {
		return fmt.Errorf("%w: %T of %d, limit %d", ErrTooLarge, m, count, limit)
	}
	return nil
}

// closeFrame fills in the header of the frame that starts at start and ends with dst.
func closeFrame(dst []byte, start int) error {
	payload := dst[start+FrameHeaderBytes:]
	if len(payload) > MaxPayloadBytes {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(payload), MaxPayloadBytes)
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(payload, castagnoli))
	return nil
}

// FrameHeader says what follows it.
type FrameHeader struct {
	Length   int // of the payload, in bytes
	Checksum uint32
}

// ParseFrameHeader reads the FrameHeaderBytes before a payload and refuses one that is empty or longer than
// limit bytes, so that nothing is allocated for it.
func ParseFrameHeader(data [FrameHeaderBytes]byte, limit int) (FrameHeader, error) {
	h := FrameHeader{
		Length:   int(binary.LittleEndian.Uint32(data[:4])),
		Checksum: binary.LittleEndian.Uint32(data[4:]),
	}
	if h.Length < 1 || h.Length > limit {
		return FrameHeader{}, malformed("frame of %d bytes, want 1 to %d", h.Length, limit)
	}
	return h, nil
}

// Check compares the payload's checksum.
func (h FrameHeader) Check(payload []byte) error {
	if sum := crc32.Checksum(payload, castagnoli); sum != h.Checksum {
		return malformed("checksum %08x of a frame of %d bytes, want %08x", sum, len(payload), h.Checksum)
	}
	return nil
}
