package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/wire"
)

// maxAdminBytes bounds a frame of administration: a cluster map and what is said about it.
const maxAdminBytes = placement.MaxMapBytes + 64<<10

// serveAdmin answers one request after the other until the other side closes.
func (t *Transport) serveAdmin(conn net.Conn) {
	frames := newFrameReader(conn, maxAdminBytes, wire.MaxHelloBytes)
	for {
		if conn.SetDeadline(clock.Wall().Add(t.cfg.Limits.AdminTimeout)) != nil {
			return
		}
		request, _, err := frames.next()
		if err != nil {
			if errors.Is(err, wire.ErrMalformed) {
				t.refusals.log(conn, "administrator", err.Error())
			}
			return
		}
		data, err := wire.AppendFrames(nil, t.answer(request))
		if err != nil {
			t.log.Error("answer an administrator", "error", err)
			return
		}
		// Handling the request may have taken its time.
		if conn.SetDeadline(clock.Wall().Add(t.cfg.Limits.AdminTimeout)) != nil {
			return
		}
		if _, err := conn.Write(data); err != nil {
			return
		}
	}
}

func (t *Transport) answer(request wire.Message) wire.Message {
	switch request.(type) {
	case *wire.NodeStatusRequest, *wire.BootstrapRequest:
		if answer := t.cfg.Handler.Admin(request); answer != nil {
			return answer
		}
	}
	return &wire.AdminError{Error: fmt.Sprintf("this node cannot answer %T", request)}
}

// Ask sends one request of administration to the peer address of a node and returns its answer: NodeStatus to a
// NodeStatusRequest, BootstrapReply to a BootstrapRequest. With an error the request may have taken effect or
// not; both can be repeated. It ends with ctx.
func Ask(ctx context.Context, address string, request wire.Message) (wire.Message, error) {
	answer, err := ask(ctx, address, request)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // more telling than the closed connection that it caused
		}
		return nil, fmt.Errorf("ask node at %s: %w", address, err)
	}
	return answer, nil
}

func ask(ctx context.Context, address string, request wire.Message) (wire.Message, error) {
	conn, err := DialTCP(ctx, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := exchange(conn, &wire.Hello{Purpose: wire.PurposeAdmin}); err != nil {
		return nil, err
	}
	data, err := wire.AppendFrames(nil, request)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(data); err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	answer, _, err := newFrameReader(conn, maxAdminBytes, wire.MaxHelloBytes).next()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if failed, ok := answer.(*wire.AdminError); ok {
		return nil, errors.New(failed.Error)
	}
	return answer, nil
}
