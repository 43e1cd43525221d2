package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/katakv/katakv/internal/wire"
)

// frameReader reads frames of at most limit bytes from one connection.
type frameReader struct {
	r       *bufio.Reader
	limit   int
	scratch []byte // for payloads that are copied when they are decoded
}

func newFrameReader(r io.Reader, limit, buffer int) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, buffer), limit: limit}
}

// next returns the next message and the size of its frame. io.EOF means that the connection ended between two
// frames.
func (f *frameReader) next() (m wire.Message, size int, err error) {
	// The first byte of the payload tells whether its memory can be used again.
	head, err := f.r.Peek(wire.FrameHeaderBytes + 1)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, 0, err
	}
	header, err := wire.ParseFrameHeader([wire.FrameHeaderBytes]byte(head), f.limit)
	if err != nil {
		return nil, 0, err
	}
	reuse := !wire.Aliases(head[wire.FrameHeaderBytes:])
	if _, err := f.r.Discard(wire.FrameHeaderBytes); err != nil {
		return nil, 0, err
	}
	payload := []byte(nil)
	if reuse {
		payload = f.scratch
	}
	payload, err = readGrowing(f.r, payload[:0], header.Length)
	if err != nil {
		return nil, 0, fmt.Errorf("frame of %d bytes: %w", header.Length, err)
	}
	if reuse && cap(payload) <= keptBytes {
		f.scratch = payload
	}
	if err := header.Check(payload); err != nil {
		return nil, 0, err
	}
	m, err = wire.Decode(payload)
	return m, wire.FrameHeaderBytes + header.Length, err
}

// readGrowing reads n bytes into buf, which grows only as they arrive: a claimed length alone costs nothing.
func readGrowing(r io.Reader, buf []byte, n int) ([]byte, error) {
	for len(buf) < n {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(n, max(firstPayloadBytes, 2*cap(buf))))
			copy(grown, buf)
			buf = grown
		}
		end := min(n, cap(buf))
		got, err := io.ReadFull(r, buf[len(buf):end])
		buf = buf[:len(buf)+got]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
	}
	return buf, nil
}
