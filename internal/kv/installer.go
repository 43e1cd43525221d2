package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/slot"
)

// Limits on what a stream may claim: no record is larger.
const (
	maxStreamKeyBytes   = slotKeyBytes + 8 + katakv.MaxKeyBytes
	maxStreamValueBytes = recordHeaderBytes + katakv.MaxValueBytes
)

// Installer stages a snapshot stream beside the engine's state and replaces a replica's whole state by it.
type Installer struct {
	ingestion engine.Ingestion
	shard     katakv.ShardID
	replica   katakv.ReplicaID
	slots     *slot.Range

	// partial holds the front of something whose rest is still to come.
	partial []byte
	sum     uint64
	started bool
	ended   bool
	meta    *Meta
	// failed is the first error; nothing is accepted after it.
	failed error
}

// NewInstaller stages a snapshot of shard for the replica of that id, which serves slots (nil for the meta
// shard). Commit or Abort must follow.
func NewInstaller(
	e engine.Engine, shard katakv.ShardID, replica katakv.ReplicaID, slots *slot.Range,
) (*Installer, error) {
	if (slots == nil) != (shard == katakv.MetaShard) {
		return nil, fmt.Errorf("install snapshot of %v: only the meta shard is without slots", shard)
	}
	in := &Installer{shard: shard, replica: replica}
	if slots != nil {
		own := *slots
		in.slots = &own
	}
	ingestion, err := e.NewIngestion(spans(shard, in.slots))
	if err != nil {
		return nil, fmt.Errorf("install snapshot of %v: %w", shard, err)
	}
	in.ingestion = ingestion
	return in, nil
}

// Add takes the next chunk of the stream. It does not keep data. After an error nothing but Abort is of use.
func (in *Installer) Add(data []byte) error {
	if in.failed != nil {
		return in.failed
	}
	if err := in.add(data); err != nil {
		in.failed = fmt.Errorf("install snapshot of %v: %w", in.shard, err)
		return in.failed
	}
	return nil
}

// Complete returns nil once the whole stream was taken and its checksum was right, and otherwise why that is not so.
// Ask after the last chunk: what is not complete must be dropped, for Commit would fail when it is too late to ask for
// another stream.
func (in *Installer) Complete() error {
	switch {
	case in.failed != nil:
		return in.failed
	case !in.ended:
		return fmt.Errorf("install snapshot of %v: the stream has no end", in.shard)
	case in.meta == nil:
		return fmt.Errorf("install snapshot of %v: it holds no meta record", in.shard)
	}
	return nil
}

// Commit replaces the replica's state by the stream, which must be complete. It is durable on return, and
// returns the Meta, with this replica's id. An error means that nothing was changed.
func (in *Installer) Commit() (Meta, error) {
	if in.failed != nil {
		return Meta{}, in.failed
	}
	if in.failed = in.Complete(); in.failed == nil {
		if err := in.ingestion.Commit(); err != nil {
			in.failed = fmt.Errorf("install snapshot of %v: %w", in.shard, err)
		}
	}
	if in.failed != nil {
		in.ingestion.Abort()
		return Meta{}, in.failed
	}
	in.failed = errors.New("the snapshot is installed already")
	return *in.meta, nil
}

// Abort drops what was staged. It is safe to call twice, and after Commit, when it does nothing.
func (in *Installer) Abort() {
	if in.failed == nil {
		in.failed = errors.New("the installation was aborted")
	}
	in.partial = nil
	in.ingestion.Abort()
}

func (in *Installer) add(data []byte) error {
	if len(in.partial) > 0 {
		in.partial = append(in.partial, data...)
		data = in.partial
	}
	for len(data) > 0 {
		if in.ended {
			return fmt.Errorf("%d bytes behind the end of the stream", len(data))
		}
		n, err := in.take(data)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		data = data[n:]
	}
	in.partial = append(in.partial[:0], data...) // data may lie further back in the same room
	return nil
}

// take takes one element from the front of data and returns its length, or 0 if there is more to come.
func (in *Installer) take(data []byte) (int, error) {
	if !in.started {
		if data[0] != streamVersion {
			return 0, fmt.Errorf("stream of version %d, want %d", data[0], streamVersion)
		}
		in.started = true
		in.sum = crc64.Update(0, crcTable, data[:1])
		return 1, nil
	}
	keyBytes, n, err := takeLength(data, maxStreamKeyBytes)
	if err != nil || n == 0 {
		return 0, err
	}
	if keyBytes == 0 {
		return in.takeEnd(data, n)
	}
	if len(data) < n+keyBytes {
		return 0, nil
	}
	key := data[n : n+keyBytes]
	n += keyBytes
	valueBytes, m, err := takeLength(data[n:], maxStreamValueBytes)
	if err != nil || m == 0 || len(data) < n+m+valueBytes {
		return 0, err
	}
	n += m
	if err := in.record(key, data[n:n+valueBytes]); err != nil {
		return 0, err
	}
	n += valueBytes
	in.sum = crc64.Update(in.sum, crcTable, data[:n])
	return n, nil
}

func (in *Installer) takeEnd(data []byte, n int) (int, error) {
	const sumBytes = 8
	if len(data) < n+sumBytes {
		return 0, nil
	}
	sum := crc64.Update(in.sum, crcTable, data[:n])
	if got := binary.BigEndian.Uint64(data[n:]); got != sum {
		return 0, fmt.Errorf("checksum %016x of the stream, want %016x", got, sum)
	}
	in.ended = true
	return n + sumBytes, nil
}

// takeLength reads a length; n is 0 while its last byte is still to come.
func takeLength(data []byte, limit uint64) (length, n int, err error) {
	value, n := binary.Uvarint(data)
	if n < 0 || value > limit || (n == 0 && len(data) >= binary.MaxVarintLen64) {
		return 0, 0, fmt.Errorf("length beyond the limit of %d bytes", limit)
	}
	return int(value), n, nil
}

// record stages one record after checking that it belongs here. The ingestion checks spans and order.
func (in *Installer) record(key, value []byte) error {
	switch {
	case key[0] == prefixRecord:
		if len(key) < slotKeyBytes || slot.Of(key[slotKeyBytes:]) != katakv.Slot(binary.BigEndian.Uint16(key[1:])) {
			return fmt.Errorf("key %x lies in another slot than its own", key)
		}
		if _, err := decodeRecord(value); err != nil {
			return fmt.Errorf("key %x: %w", key, err)
		}
	case key[0] == prefixRequest:
		if _, err := decodeRequest(value); err != nil {
			return fmt.Errorf("key %x: %w", key, err)
		}
	case key[0] == prefixForget:
		if _, _, _, err := splitForgetKey(key); err != nil {
			return err
		}
		if _, err := decodeCost(value); err != nil {
			return fmt.Errorf("key %x: %w", key, err)
		}
	case string(key) == string(metaKey(in.shard, subMeta)):
		meta, err := decodeMeta(value)
		if err != nil {
			return err
		}
		if (meta.Slots == nil) != (in.slots == nil) || (meta.Slots != nil && *meta.Slots != *in.slots) {
			return fmt.Errorf("the snapshot is of other slots")
		}
		meta.Replica = in.replica
		in.meta = &meta
		value = encodeMeta(&meta)
	}
	return in.ingestion.Set(key, value)
}
