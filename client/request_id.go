package client

import (
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"sync/atomic"
)

// nonceBytes are random and a client's own: among as many clients as there are, no two have the same.
const nonceBytes = 12

// requestIDs makes ids that no other client makes: "0sQ0fY2FD3Jw8mVx-17", a nonce and a counter.
type requestIDs struct {
	prefix string
	count  atomic.Uint64
}

func newRequestIDs() *requestIDs {
	nonce := make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // never fails
	return &requestIDs{prefix: base64.RawURLEncoding.EncodeToString(nonce) + "-"}
}

func (r *requestIDs) next() string {
	return r.prefix + strconv.FormatUint(r.count.Add(1), 10)
}
