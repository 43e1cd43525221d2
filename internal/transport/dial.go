package transport

import (
	"context"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A peer that vanished without a word is noticed by what it does not acknowledge, well before the kernel's own
// limit of a quarter of an hour; an idle connection by keepalive probes. A receiver that holds back its connection
// for as long is taken for vanished, too.
const (
	unacknowledgedTimeout = 10 * time.Second
	keepAliveIdle         = 5 * time.Second
	keepAliveInterval     = 2 * time.Second
	keepAliveCount        = 3
)

var keepAlive = net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount}

// DialTCP connects without TLS.
func DialTCP(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlive, Control: limitUnacknowledged}
	return d.DialContext(ctx, "tcp", address)
}

// limitUnacknowledged breaks the connection when written data stays unacknowledged. Without it, a connection
// that was cut for a minute may stay silent for another when the network is back.
func limitUnacknowledged(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledgedTimeout.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}

// tune sets the options of an accepted connection. Go sets TCP_NODELAY on every connection by itself.
func tune(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive) // a connection that is already broken will say so when it is read
	}
}
