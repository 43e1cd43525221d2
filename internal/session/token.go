package session

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/katakv/katakv"
)

// A token is the text, in base64 for URLs without padding, of
//
//	+---------+----------+---------+-------+-------+----------------+----------+
//	| version | cluster  | dropped | epoch | count | (shard index)* | checksum |
//	| 1       | 8, LE    | 1       | uvar  | uvar  | uvar uvar      | 4, LE    |
//	+---------+----------+---------+-------+-------+----------------+----------+
//
// with the shard that was seen last first. The checksum is the CRC32C (Castagnoli) of everything before it: it finds
// tokens that were cut or changed on their way. It keeps nobody from making one up; who does harms only the own reads,
// which then wait in vain for an index that does not exist before the leader answers them.
const (
	tokenVersion  = 1
	headBytes     = 1 + 8
	checksumBytes = 4
	// maxTokenBytes is what the largest numbers take.
	maxTokenBytes = headBytes + 1 + 2*binary.MaxVarintLen64 + MaxEntries*2*binary.MaxVarintLen64 + checksumBytes
)

var (
	tokenText  = base64.RawURLEncoding.Strict()
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Token returns the session's portable form, for a cluster.
func (s *Session) Token(cluster katakv.ClusterID) string {
	b := binary.LittleEndian.AppendUint64([]byte{tokenVersion}, uint64(cluster))
	dropped := byte(0)
	if s.dropped {
		dropped = 1
	}
	b = binary.AppendUvarint(append(b, dropped), uint64(s.epoch))
	b = binary.AppendUvarint(b, uint64(len(s.seen)))
	for _, e := range s.seen {
		b = binary.AppendUvarint(b, uint64(e.shard))
		b = binary.AppendUvarint(b, uint64(e.index))
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return tokenText.EncodeToString(b)
}

// Parse reads a token. Errors are of CodeInvalid and say what to do.
func Parse(token []byte, cluster katakv.ClusterID) (*Session, *katakv.Error) {
	if len(token) > tokenText.EncodedLen(maxTokenBytes) {
		return nil, refuse("is longer than any token")
	}
	b, err := tokenText.DecodeString(string(token))
	switch {
	case err != nil:
		return nil, refuse("was cut, or is none")
	case len(b) < headBytes+checksumBytes:
		return nil, refuse("is cut short")
	case b[0] != tokenVersion:
		return nil, refuse("is of version %d, this node reads version %d", b[0], tokenVersion)
	}
	body := b[:len(b)-checksumBytes]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, refuse("was cut or changed: its checksum is wrong")
	}
	if id := katakv.ClusterID(binary.LittleEndian.Uint64(b[1:])); id != cluster {
		return nil, refuse("belongs to cluster %v, this is cluster %v", id, cluster)
	}
	s, ok := parseBody(body[headBytes:])
	if !ok {
		return nil, refuse("does not hold what a token holds")
	}
	return s, nil
}

func refuse(format string, args ...any) *katakv.Error {
	return katakv.Errorf(katakv.CodeInvalid, "the session token %s: take a new one with KATA SESSION, or over HTTP from the answer to a request without one", fmt.Sprintf(format, args...))
}

// parseBody reads what stands between head and checksum.
func parseBody(b []byte) (*Session, bool) {
	if len(b) == 0 || b[0] > 1 {
		return nil, false
	}
	s := &Session{dropped: b[0] == 1}
	r := reader{data: b[1:]}
	s.epoch = katakv.Epoch(r.number())
	count := r.number()
	if count > MaxEntries {
		return nil, false
	}
	for range count {
		e := entry{katakv.ShardID(r.number()), katakv.Index(r.number())}
		if s.find(e.shard) >= 0 {
			return nil, false
		}
		s.seen = append(s.seen, e)
	}
	return s, !r.failed && len(r.data) == 0
}

// reader reads numbers in their shortest form, so that a session has one token.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 || (size > 1 && r.data[size-1] == 0) {
		r.failed, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	return n
}

// ClusterOf returns the cluster to which a token belongs. It checks no more than that: see [Parse].
func ClusterOf(token []byte) (katakv.ClusterID, error) {
	if len(token) > tokenText.EncodedLen(maxTokenBytes) {
		return 0, refuse("is longer than any token")
	}
	b, err := tokenText.DecodeString(string(token))
	if err != nil || len(b) < headBytes+checksumBytes {
		return 0, refuse("was cut, or is none")
	}
	return katakv.ClusterID(binary.LittleEndian.Uint64(b[1:])), nil
}
