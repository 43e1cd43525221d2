package sim

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/raftlog"
)

// Disk says how long syncs take.
type Disk struct {
	MinSync, MaxSync time.Duration
	// Stall is the probability that a sync takes up to StallTime.
	Stall     float64
	StallTime time.Duration
}

func (d *Disk) setDefaults() {
	setDefault(&d.MinSync, 100*time.Microsecond)
	setDefault(&d.MaxSync, 3*time.Millisecond)
	setDefault(&d.StallTime, 3*time.Second)
}

const logDir = "log"

// storage is a node's crashable disk: the log's file system and the state engine lose together what was not
// made durable.
type storage struct {
	fs     *vfs.MemFS
	engine *engine.Memory
}

// newStorage writes what a bootstrapped node finds on its disk.
func newStorage(self katakv.NodeID, m *placement.Map) (*storage, error) {
	s := &storage{fs: vfs.NewCrashableMem(), engine: engine.NewMemory()}
	b := s.engine.NewBatch()
	for i := range m.Shards {
		shard := &m.Shards[i]
		r, ok := shard.ReplicaOn(self)
		if !ok {
			continue
		}
		conf := &raftpb.ConfState{}
		for _, v := range shard.Replicas {
			conf.Voters = append(conf.Voters, uint64(v.ID))
		}
		kv.WriteMeta(b, shard.ID, &kv.Meta{Replica: r.ID, Applied: 10, AppliedTerm: 1, ConfState: conf, Slots: shard.Slots})
		if shard.ID == katakv.MetaShard {
			kv.WriteMap(b, m.Encode())
		}
	}
	if err := s.engine.Commit(b); err != nil {
		return nil, fmt.Errorf("write initial state: %w", err)
	}
	if err := s.engine.Flush(); err != nil {
		return nil, fmt.Errorf("flush initial state: %w", err)
	}
	return s, nil
}

// crash keeps what is durable.
func (s *storage) crash() {
	s.fs = s.fs.CrashClone(vfs.CrashCloneCfg{})
	s.engine = s.engine.Crash()
}

// release lets the log forget what the engine has made durable.
func (s *storage) release(log *raftlog.Log) error {
	view, err := s.engine.Durable()
	if err != nil {
		return fmt.Errorf("view durable state: %w", err)
	}
	metas, err := kv.ListMetas(view)
	if err != nil {
		return fmt.Errorf("list durable replicas: %w", err)
	}
	for i := range metas {
		log.Release(metas[i].Shard, metas[i].Replica, metas[i].Applied)
	}
	if err := log.Tidy(); err != nil {
		return fmt.Errorf("tidy: %w", err)
	}
	return view.Close()
}
