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
	fits := katakv.MaxReplyBytes / len(value)
	gets := make([]command.Operation, fits+5)
	mget := command.Operation{Kind: command.KindMGet}
	for i := range gets {
		gets[i] = *get("k")
		mget.Keys = append(mget.Keys, []byte("k"))
	}
	for i, r := range m.ReadAll(e, gets) {
		switch {
		case i < fits && r.Kind != command.ReplyBulk, i >= fits && (r.Kind != command.ReplyError || r.Err.Code != katakv.CodeTooLarge):
			t.Fatalf("reply %d of %d that fit: kind %d, %v", i, fits, r.Kind, r.Err)
		}
	}
	if r := m.Read(e, &mget); r.Kind != command.ReplyError || r.Err.Code != katakv.CodeTooLarge {
		t.Errorf("MGET of too much: kind %d, %v", r.Kind, r.Err)
	}
}
