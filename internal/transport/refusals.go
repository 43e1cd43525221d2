package transport

import (
	"log/slog"
	"net"
	"strings"
	"sync"
)

// maxRefusals bounds what is remembered; when it is full everything is forgotten and may be logged again.
const maxRefusals = 256

// refusals logs why connections were turned away: once for each host, claimed name and reason, because whoever
// is turned away comes back soon.
type refusals struct {
	logger *slog.Logger
	mu     struct {
		sync.Mutex
		seen map[refusal]struct{}
	}
}

type refusal struct{ host, who, reason string }

func newRefusals(logger *slog.Logger) *refusals {
	r := &refusals{logger: logger}
	r.mu.seen = map[refusal]struct{}{}
	return r
}

// log writes one line unless it did before.
func (r *refusals) log(conn net.Conn, who, reason string) {
	host := conn.RemoteAddr().String()
	if colon := strings.LastIndexByte(host, ':'); colon > 0 {
		host = host[:colon] // the port is another each time
	}
	key := refusal{host, who, reason}
	r.mu.Lock()
	_, known := r.mu.seen[key]
	if !known {
		if len(r.mu.seen) >= maxRefusals {
			clear(r.mu.seen)
		}
		r.mu.seen[key] = struct{}{}
	}
	r.mu.Unlock()
	if !known {
		r.logger.Warn("connection refused", "from", conn.RemoteAddr(), "who", who, "reason", reason)
	}
}

// forget makes the next refusal of who worth a line again: it was welcome in between.
func (r *refusals) forget(who string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.mu.seen {
		if key.who == who {
			delete(r.mu.seen, key)
		}
	}
}
