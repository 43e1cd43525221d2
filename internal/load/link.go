package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/clock"
)

const (
	// firstBackoff and lastBackoff are the pauses after failures in a row, doubling between them.
	firstBackoff = 20 * time.Millisecond
	lastBackoff  = time.Second

	// maxRefusals is how often one record may be refused by an error that says nothing of passing.
	maxRefusals = 3
)

// retried are the prefixes of errors that pass by themselves, or on another node. UNKNOWN is among them because
// the same record may be written twice.
var retried = map[string]bool{
	"UNKNOWN": true, "CLUSTERDOWN": true, "TRYAGAIN": true, "LOADING": true, "MISCONF": true, "MASTERDOWN": true,
	"BUSY": true, "READONLY": true,
}

// link is a connection to one of some addresses, which moves on when one fails.
type link struct {
	config  *Config
	addrs   []string
	current int // in addrs
	conn    *client.Conn

	backoff  time.Duration
	progress time.Time // when something last succeeded
}

func newLink(config *Config, addrs []string, first int) *link {
	return &link{config: config, addrs: addrs, current: first % len(addrs), progress: clock.Wall()}
}

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

func (l *link) addr() string { return l.addrs[l.current] }

// succeeded ends a row of failures.
func (l *link) succeeded() { l.backoff, l.progress = 0, clock.Wall() }

// failed goes on to the next address after a pause. It returns an error when patience has run out.
func (l *link) failed(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if clock.Wall().Sub(l.progress) > l.config.Patience {
		return fmt.Errorf("nothing got through for %v: %w", l.config.Patience, cause)
	}
	l.close()
	l.current = (l.current + 1) % len(l.addrs)
	l.backoff = min(max(2*l.backoff, firstBackoff), lastBackoff)
	pause(ctx, l.backoff)
	return context.Cause(ctx)
}

// exchange sends one command for each record, and calls got with each reply or error reply in order, until got
// returns false; then the rest of the replies is dropped. handled is how many got accepted. After an error the
// connection is gone.
func (l *link) exchange(
	ctx context.Context, records []record, send func(*client.Conn, record) error, got func(record, client.Value, error) bool,
) (handled int, err error) {
	if l.conn == nil {
		if l.conn, err = client.Dial(ctx, l.addr(), client.Options{Timeout: l.config.Timeout}); err != nil {
			return 0, err
		}
	}
	for _, r := range records {
		if err := send(l.conn, r); err != nil {
			l.close()
			return 0, err
		}
	}
	if err := l.conn.Flush(ctx); err != nil {
		l.close()
		return 0, err
	}
	going := true
	for _, r := range records {
		value, err := l.conn.Receive(ctx)
		var reply *client.ReplyError
		if err != nil && !errors.As(err, &reply) {
			l.close()
			if !going {
				return handled, nil // the reason why got stopped is the better one
			}
			return handled, err
		}
		if going = going && got(r, value, err); going {
			handled++
		}
	}
	return handled, nil
}

// explain says what to do about an error reply that no retry will mend.
func explain(addr string, err error) error {
	var reply *client.ReplyError
	if errors.As(err, &reply) && (reply.Prefix == "MOVED" || reply.Prefix == "ASK" || reply.Prefix == "CROSSSLOT") {
		return fmt.Errorf("%s is a cluster port, which answers for its own slots only: name the plain port (%w)", addr, err)
	}
	return fmt.Errorf("%s: %w", addr, err)
}

// prefixOf returns the prefix of an error reply, or "".
func prefixOf(err error) string {
	var reply *client.ReplyError
	if errors.As(err, &reply) {
		return reply.Prefix
	}
	return ""
}
