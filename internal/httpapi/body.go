package httpapi

import (
	"errors"
	"io"
	"net/http"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/command"
)

// readBody reads a value of at most limit bytes. Memory grows with the bytes that arrive, whatever Content-Length
// promises, except that a promise over the limit is refused at once. held must be given back when the value is not
// needed any more.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, limit int, held *share) ([]byte, *Problem) {
	declared := limit
	if r.ContentLength >= 0 {
		if r.ContentLength > int64(limit) {
			return nil, refuse(command.ValueTooLarge(int(r.ContentLength), limit))
		}
		declared = int(r.ContentLength)
	}
	body := http.MaxBytesReader(w, r.Body, int64(limit))
	connection := http.NewResponseController(w)
	var value []byte
	due := 0 // a client that has sent so much by its deadline gets another
	for {
		if len(value) == cap(value) {
			room := min(max(2*cap(value), pieceBytes), declared+1) // one more, to see the end
			if !held.grow(r.Context(), room) {
				return nil, refuse(errNoMemory)
			}
			value = append(make([]byte, 0, room), value...)
		}
		if len(value) >= due {
			_ = connection.SetReadDeadline(a.readDeadline(true))
			due = len(value) + pieceBytes
		}
		n, err := body.Read(value[len(value):min(cap(value), len(value)+pieceBytes)])
		value = value[:len(value)+n]
		if err == io.EOF {
			_ = connection.SetReadDeadline(a.readDeadline(false))
			return value, nil
		}
		if err != nil {
			w.Header().Set("Connection", "close") // what is left of the body is not read
			return nil, bodyFailed(err, limit)
		}
	}
}

func bodyFailed(err error, limit int) *Problem {
	var tooLarge *http.MaxBytesError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &tooLarge):
		return refuse(katakv.Errorf(katakv.CodeTooLarge, "the value is over the limit of %d bytes (setting max-value-bytes)", limit))
	case errors.As(err, &timeout) && timeout.Timeout():
		return NewProblem(http.StatusRequestTimeout, codeTimeout, "the body came too slowly; nothing was changed")
	default:
		return refuse(katakv.Errorf(katakv.CodeInvalid, "read the body: %v; nothing was changed", err))
	}
}

// connectionWriter writes a body in chunks, each under a deadline of its own.
type connectionWriter struct {
	w   http.ResponseWriter
	api *API
}

func (c connectionWriter) Write(data []byte) (int, error) {
	connection := http.NewResponseController(c.w)
	written := 0
	for written < len(data) {
		_ = connection.SetWriteDeadline(clock.Wall().Add(c.api.config.Stall))
		n, err := c.w.Write(data[written:min(len(data), written+writeChunkBytes)])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
