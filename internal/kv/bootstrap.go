package kv

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/placement"
)

// Every replica of a new shard starts from the same made-up snapshot at this position, so that a member that
// has nothing can never be taken for one that is up to date.
const (
	initialIndex katakv.Index = 10
	initialTerm  katakv.Term  = 1
)

// WriteInitialState writes, durably, what a node of a new cluster starts from: the initial state of every replica
// that the map places on it. With an error the engine must not be used further.
func WriteInitialState(e engine.Engine, self katakv.NodeID, m *placement.Map) error {
	b := e.NewBatch()
	for i := range m.Shards {
		s := &m.Shards[i]
		r, ok := s.ReplicaOn(self)
		if !ok {
			continue
		}
		WriteMeta(b, s.ID, &Meta{
			Replica: r.ID, Applied: initialIndex, AppliedTerm: initialTerm,
			ConfState: initialConf(s), Slots: s.Slots,
		})
		if s.ID == katakv.MetaShard {
			WriteMap(b, m.Encode())
		}
	}
	if err := e.Commit(b); err != nil {
		return fmt.Errorf("write the initial state: %w", err)
	}
	if err := e.Flush(); err != nil {
		return fmt.Errorf("flush the initial state: %w", err)
	}
	return nil
}

func initialConf(s *placement.Shard) *raftpb.ConfState {
	conf := &raftpb.ConfState{}
	for _, r := range s.Replicas {
		if r.Learner {
			conf.Learners = append(conf.Learners, uint64(r.ID))
		} else {
			conf.Voters = append(conf.Voters, uint64(r.ID))
		}
	}
	return conf
}
