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

// The limit of APPEND travels in the operation: every replica judges by it, whatever its own settings are.
func TestAppendStopsAtTheLimitInTheLog(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	add := withValue(command.KindAppend, "k", "12345")
	add.Delta = 12
	for i, want := range []string{"5", "10"} {
		if got := text(apply(t, w, m, add)[0]); got != want {
			t.Errorf("append %d: got %s, want %s", i+1, got, want)
		}
	}
	r := apply(t, w, m, add)[0]
	if r.Kind != command.ReplyError || r.Err.Code != katakv.CodeTooLarge {
		t.Errorf("append beyond the limit: kind %d, %v", r.Kind, r.Err)
	}
	if got := text(m.Read(e, get("k"))); got != `"1234512345"` {
		t.Errorf("the refused append changed the value: %s", got)
	}
}
