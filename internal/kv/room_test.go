package kv_test

import (
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
)

func TestRepliesAreBounded(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	value := make([]byte, katakv.DefaultMaxValueBytes)
	apply(t, w, m, set("k", string(value)))
	gets := make([]command.Operation, 5)
	mget := command.Operation{Kind: command.KindMGet}
	for range katakv.MaxValueBytes/len(value) + 1 {
		mget.Keys = append(mget.Keys, []byte("k"))
	}
	for i := range gets {
		gets[i] = *get("k")
	}
	for i, r := range m.ReadAll(e, gets) {
		switch {
		case i == 0 && r.Kind != command.ReplyBulk, i > 0 && (r.Kind != command.ReplyError || r.Err.Code != katakv.CodeNoRoom):
			t.Fatalf("reply %d: kind %d, %v", i, r.Kind, r.Err)
		}
	}
	small := []command.Operation{*get("none"), *get("k"), *get("none")}
	if replies := m.ReadAll(e, small); replies[1].Kind != command.ReplyBulk {
		t.Errorf("a value of the size of the room behind a small reply: %+v", replies[1].Err)
	}
	if r := m.Read(e, &mget); r.Kind != command.ReplyError || r.Err.Code != katakv.CodeTooLarge {
		t.Errorf("MGET of too much: kind %d, %v", r.Kind, r.Err)
	}
}
