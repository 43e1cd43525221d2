package sim

import (
	"cmp"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

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
	d.MinSync = cmp.Or(d.MinSync, 100*time.Microsecond)
	d.MaxSync = cmp.Or(d.MaxSync, 3*time.Millisecond)
	d.StallTime = cmp.Or(d.StallTime, 3*time.Second)
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
	if err := kv.WriteInitialState(s.engine, self, m); err != nil {
		return nil, err
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
