package router

import (
	"cmp"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/slot"
)

// completeOnce says how long a request is remembered. It travels with the request, so that all replicas forget alike.
func (r *Router) completeOnce(op *command.Operation) {
	if op.Once != nil && op.Once.Retention == 0 {
		op.Once.Retention = cmp.Or(r.topology.Map.Settings.RequestRetention, katakv.DefaultRequestRetention)
	}
}

// mayRepeat reports whether a group whose outcome is unknown may be sent again. On the cluster port it may not: its leader
// may be elsewhere by then, and a redirect says that nothing happened.
func (g *group) mayRepeat() bool {
	return !g.unrepeatable && g.batch != nil && g.batch.Mode == Forward
}

// advice is what to do about an unknown outcome.
func (g *group) advice() string {
	if g.unrepeatable {
		return "read before you retry"
	}
	return "send it again with the same request id"
}

// doubted is a refusal of a later attempt when an earlier one may still take effect.
func doubted(err *katakv.Error) *katakv.Error {
	switch err.Code {
	case katakv.CodeNotLeader, katakv.CodeTryAgain, katakv.CodeClusterDown, katakv.CodeLoading, katakv.CodeMoved, katakv.CodeNoRoom:
		return katakv.Errorf(katakv.CodeUnknown,
			"an attempt may or may not take effect, and no other one succeeded (%s): send it again with the same request id", err.Message)
	}
	return err
}

func doubtReplies(replies []command.Reply) {
	for i := range replies {
		if replies[i].Kind == command.ReplyError {
			replies[i].Err = doubted(replies[i].Err)
		}
	}
}

// addPartsBySlot divides an operation with a request id over the slots of its keys, not just over their shards: what a
// shard remembers moves with its slots, so the parts of a retry must be the same ones wherever slots have gone meanwhile.
// Those of one shard travel in one entry, and take effect together.
func (s *splitter) addPartsBySlot(call int, op *command.Operation) {
	var order []katakv.Slot
	keys := make(map[katakv.Slot][]int)
	for k, key := range op.Keys {
		at := slot.Of(key)
		if keys[at] == nil {
			order = append(order, at)
		}
		keys[at] = append(keys[at], k)
	}
	for _, at := range order {
		shard, _ := s.router.topology.ShardAt(at)
		s.addPiece(shard.ID, call, op, keys[at])
	}
	s.merge(call, op, len(order))
}
