package server_test

import (
	"errors"
	"net"
	"time"
)

// testDialer dials without a test, for dials that may fail.
type testDialer struct{}

func (*testDialer) dial(address string) (net.Conn, error) {
	return net.DialTimeout("tcp", address, 10*time.Second)
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}
