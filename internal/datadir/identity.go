package datadir

// IDENTITY is JSON whose first line vouches for the rest:
//
//	+-------------------------+------------------------------------------------------------------+
//	| {\n  "checksum": "        |   "format": 2,\n  "cluster": ... ,\n  "node": ... \n}\n            |
//	| 8 hexadecimal digits ",\n |                                                                  |
//	+-------------------------+------------------------------------------------------------------+
//	| identityHeadBytes       | covered by the checksum, a CRC32C (Castagnoli)                   |
//	+-------------------------+------------------------------------------------------------------+
//
// Every format after the first begins like this, so that damage is told from a format of the future.

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/katakv/katakv"
)

const (
	// formatVersion is the version of the directory's layout; another one is refused.
	formatVersion = 2
	// uncheckedFormat was written before the first release, without a checksum.
	uncheckedFormat = 1

	identityHead      = "{\n  \"checksum\": \"%08x\",\n"
	identityHeadBytes = len(identityHead) - len("%08x") + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Stage is how far a directory has come on its way into a cluster.
type Stage string

const (
	// preparing is while the initial state is being written: what is there means nothing yet.
	preparing Stage = "preparing"
	// Prepared is between the two steps of a bootstrap: the node knows its place, but not yet that every other
	// node does. It must not take part before.
	Prepared Stage = "prepared"
	// Active is from then on.
	Active Stage = "active"
)

// Identity says whose directory this is. The zero value belongs to no cluster.
type Identity struct {
	Format  int              `json:"format"`
	Cluster katakv.ClusterID `json:"cluster,string"`
	Node    katakv.NodeID    `json:"node"`
	Cores   int              `json:"cores"`
	Stage   Stage            `json:"stage"`
	Boot    katakv.BootID    `json:"boot"`
	// Promise is the longest time for which any process that had the directory promised not to vote.
	Promise time.Duration `json:"promise,omitempty"`
}

// Empty reports whether the directory belongs to no cluster.
func (id *Identity) Empty() bool { return id.Node == 0 }

// Active reports whether the node may take part in its cluster.
func (id *Identity) Active() bool { return id.Stage == Active }

// validate refuses what no node ever is.
func (id *Identity) validate() error {
	switch {
	case id.Cluster == 0:
		return errors.New("it names no cluster")
	case id.Node == 0:
		return errors.New("it names no node")
	case id.Cores < 1:
		return fmt.Errorf("it names %d cores", id.Cores)
	case id.Promise < 0:
		return fmt.Errorf("it names a promise of %v", id.Promise)
	case id.Stage != preparing && id.Stage != Prepared && id.Stage != Active:
		return fmt.Errorf("%q is no stage", id.Stage)
	default:
		return nil
	}
}

// encode returns the file that says id.
func (id *Identity) encode() ([]byte, error) {
	if err := id.validate(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return nil, err
	}
	rest := append(text[len("{\n"):], '\n')
	return append(headOf(rest), rest...), nil
}

// headOf returns the head that belongs in front of rest.
func headOf(rest []byte) []byte {
	return fmt.Appendf(nil, identityHead, crc32.Checksum(rest, castagnoli))
}

// formatError is a format that is not ours, in a file that is sound otherwise.
type formatError int

func (f formatError) Error() string {
	if f == uncheckedFormat {
		return fmt.Sprintf("has format %d, from before the first release, and this program reads %d: use the program "+
			"that wrote it, or move the directory away and let the node rejoin the cluster as a new one", int(f), formatVersion)
	}
	return fmt.Sprintf("has format %d, this program reads %d: use the program that wrote it", int(f), formatVersion)
}

// decodeIdentity is the reverse of encode. The error is a formatError, or says what is damaged.
func decodeIdentity(data []byte) (Identity, error) {
	var version struct {
		Format int `json:"format"`
	}
	if len(data) < identityHeadBytes || string(data[:identityHeadBytes]) != string(headOf(data[identityHeadBytes:])) {
		if json.Unmarshal(data, &version) == nil && version.Format == uncheckedFormat {
			return Identity{}, formatError(uncheckedFormat)
		}
		return Identity{}, errors.New("its checksum does not match")
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Identity{}, err
	}
	if version.Format != formatVersion {
		return Identity{}, formatError(version.Format)
	}
	var id Identity
	if err := json.Unmarshal(data, &id); err != nil {
		return Identity{}, err
	}
	return id, id.validate()
}
