package client_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/session"
)

// with is an answer to KATA WITH: one row of shard and index.
func with(answer string, shard, index, epoch int) string {
	return fmt.Sprintf("*3\r\n%s*1\r\n*10\r\n%s:%d\r\n%s:%d\r\n%s:2\r\n%s%s%s:5\r\n:%d\r\n", answer,
		bulk("shard"), shard, bulk("index"), index, bulk("node"), bulk("level"), bulk("session"), bulk("age-ms"), epoch)
}

func tokenOf(epoch katakv.Epoch, answers ...katakv.Served) string {
	var s session.Session
	for _, answer := range answers {
		s.See(answer)
	}
	s.SeeEpoch(epoch)
	return s.Token(fakeID)
}

func TestSessionsCarryWhatTheySaw(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(nil)
	s := c.NewSession()
	empty := s.Token()
	f.on(once("KATA WITH", with("+OK\r\n", 7, 100, 3), with(bulk("v"), 8, 200, 4), with(bulk("v"), 7, 90, 4)))
	if err := s.Set(t.Context(), "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if value, err := s.Get(t.Context(), "k"); string(value) != "v" || err != nil {
		t.Fatalf("got %q, %v", value, err)
	}
	seven := tokenOf(3, katakv.Served{Shard: 7, Index: 100})
	both := tokenOf(4, katakv.Served{Shard: 7, Index: 100}, katakv.Served{Shard: 8, Index: 200})
	if got := s.Token(); got != both {
		t.Errorf("got token %s, want %s", got, both)
	}
	var served []katakv.Served
	if _, err := s.With(client.Bounded(time.Second), client.Tell(&served)).Get(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	want := []katakv.Served{{Shard: 7, Index: 90, Node: 2, Level: katakv.LevelSession, Age: 5 * time.Millisecond}}
	if !slices.Equal(served, want) {
		t.Errorf("told %+v, want %+v", served, want)
	}
	seen := f.take()
	if len(seen) != 3 || !strings.HasPrefix(seen[0], "0: KATA WITH default "+empty+" KATA ONCE ") ||
		seen[1] != "0: KATA WITH session "+seven+" GET k" || seen[2] != "0: KATA WITH bounded 1s "+both+" GET k" {
		t.Errorf("sent %q", seen)
	}

	other, err := c.ParseSession(seven)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Merge(both); err != nil || other.Token() == seven {
		t.Errorf("merged into %s, %v", other.Token(), err)
	}
	var foreign session.Session
	for _, token := range []string{"", "nonsense", foreign.Token(fakeID + 1)} {
		if _, err := c.ParseSession(token); !errors.Is(err, &katakv.Error{Code: katakv.CodeInvalid}) {
			t.Errorf("%q: got %v", token, err)
		}
	}
}

// What is asked for one call says nothing of the next one.
func TestOptionsHoldForTheirCommands(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(func(config *client.Config) { config.Options = []client.Option{client.StrongReplica()} })
	f.on(func(_ int, command string) string {
		switch {
		case strings.HasPrefix(command, "KATA WITH"):
			return with(bulk("v"), 1, 1, 1)
		case strings.HasPrefix(command, "GET"):
			return bulk("v")
		case strings.HasPrefix(command, "INCRBY"), strings.HasPrefix(command, "KATA ONCE mine"):
			return ":1\r\n"
		}
		return ""
	})
	for _, do := range []func() error{
		func() error { _, err := c.Get(t.Context(), "k"); return err },
		func() error { _, err := c.With(client.Eventual()).Get(t.Context(), "k"); return err },
		func() error { _, err := c.With(client.Strong()).Get(t.Context(), "k"); return err },
		func() error { _, err := c.Get(t.Context(), "k"); return err },
		func() error { _, err := c.With(client.WithoutRequestID()).Incr(t.Context(), "k"); return err },
		func() error { _, err := c.With(client.RequestID("mine")).Incr(t.Context(), "k"); return err },
	} {
		if err := do(); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"0: KATA WITH strong replica  GET k", "0: KATA WITH eventual  GET k", "0: KATA WITH strong  GET k",
		"0: KATA WITH strong replica  GET k", "0: INCRBY k 1", "0: KATA ONCE mine INCRBY k 1",
	}
	if seen := f.take(); !slices.Equal(seen, want) {
		t.Errorf("sent %q, want %q", seen, want)
	}
}

// Reads that any replica may answer are spread over those that live.
func TestReplicasShareReads(t *testing.T) {
	f := startScripted(t, 3, false)
	c := f.open(nil)
	f.on(func(_ int, command string) string {
		if strings.HasPrefix(command, "KATA WITH") {
			return with(bulk("v"), 1, 1, 1)
		}
		return ""
	})
	read := func() map[string]int {
		for range 60 {
			if _, err := c.With(client.Eventual()).Get(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
		}
		return f.asked()
	}
	if asked := read(); len(asked) != 3 {
		t.Errorf("asked %v", asked)
	}
	f.nodes[2].stop()
	if asked := read(); asked["0"] == 0 || asked["1"] == 0 {
		t.Errorf("with one down, asked %v", asked)
	}
}

// A newer epoch in an answer makes the client fetch the map.
func TestEpochsAreFollowed(t *testing.T) {
	f := startScripted(t, 2, false)
	c := f.open(nil)
	time.Sleep(10 * time.Millisecond)
	f.on(func(_ int, command string) string {
		if strings.HasPrefix(command, "KATA WITH") {
			return with(bulk("v"), 1, 1, 9)
		}
		return ""
	})
	f.mu.Lock()
	f.epoch, f.leader, f.maps = 9, 1, 0
	f.mu.Unlock()
	for range 2 {
		if _, err := c.With(client.Strong()).Get(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	if seen := f.take(); len(seen) != 2 || seen[0][0] != '0' || seen[1][0] != '1' || f.maps != 1 {
		t.Errorf("sent %q, and asked for the map %d times", seen, f.maps)
	}
}

// A batch goes out in pieces that sockets can hold, each command in it fails alone, and what may be is sent again.
func TestBatches(t *testing.T) {
	f := startScripted(t, 2, false)
	c := f.open(nil)
	var mu sync.Mutex
	tries := map[string]int{}
	f.on(func(_ int, command string) string {
		words := strings.Fields(command)
		if words[0] != "KATA" || words[1] != "ONCE" {
			return ""
		}
		mu.Lock()
		defer mu.Unlock()
		tries[words[2]]++
		switch key := words[4]; {
		case strings.HasSuffix(key, "7") && tries[words[2]] == 1:
			return "-TRYAGAIN full\r\n"
		case strings.HasSuffix(key, "9"):
			return "-WRONGTYPE no\r\n"
		case key == "key:500" && tries[words[2]] == 1:
			return hangUp
		}
		return ":3\r\n"
	})
	var b client.Batch
	results := map[string]*client.Result[int64]{}
	for i := range 2000 {
		key := fmt.Sprint("key:", i)
		results[key] = b.Append(key, []byte(strings.Repeat("x", 100)))
	}
	if _, err := results["key:1"].Value(); !errors.Is(err, client.ErrNotApplied) {
		t.Errorf("before Run: got %v", err)
	}
	err := c.Run(t.Context(), &b)
	if !errors.Is(err, client.ErrUnknown) || !strings.Contains(err.Error(), "200 of 2000 parts failed") {
		t.Errorf("got %v", err)
	}
	for key, result := range results {
		n, err := result.Value()
		if wrong := strings.HasSuffix(key, "9"); wrong != errors.Is(err, client.ErrNotApplied) || !wrong && n != 3 {
			t.Errorf("%s: got %d, %v", key, n, err)
		}
	}
	if err := c.Run(t.Context(), &b); !errors.Is(err, client.ErrNotApplied) {
		t.Errorf("a second run: got %v", err)
	}
	var more client.Batch
	more.Incr("k")
	if err := c.With(client.RequestID("one")).Run(t.Context(), &more); !errors.Is(err, client.ErrNotApplied) {
		t.Errorf("one request id for all: got %v", err)
	}
	if err := c.Run(t.Context(), &client.Batch{}); err != nil {
		t.Errorf("an empty batch: got %v", err)
	}
}

// Neither side ever waits for the other to read: of large commands with large answers few are on the way at a time.
func TestBatchesOfLargeCommands(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(nil)
	large := strings.Repeat("k", 60<<10)
	f.on(func(_ int, command string) string {
		if strings.HasPrefix(command, "GET") {
			return bulk(large)
		}
		return ""
	})
	var b client.Batch
	for i := range 300 {
		b.Get(fmt.Sprint(i, large))
	}
	if err := c.Run(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if seen := f.take(); len(seen) != b.Len() {
		t.Errorf("%d commands were sent %d times", b.Len(), len(seen))
	}
}

// As long as nothing fails, the commands for one node are sent in order, whatever their sizes.
func TestBatchesKeepOrderAsLongAsNothingFails(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(nil)
	f.on(func(_ int, command string) string {
		if strings.HasPrefix(command, "GET") {
			return bulk("")
		}
		return ""
	})
	var b client.Batch
	for i := range 20 {
		b.Get(fmt.Sprintf("{x}%02d%s", i, strings.Repeat("k", i%3*25<<10)))
	}
	if err := c.Run(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if seen := f.take(); !slices.IsSorted(seen) || len(seen) != 20 {
		t.Errorf("%d commands, out of order", len(seen))
	}
}

// A command over several slots that was applied in part is of unknown outcome.
func TestPartsHaveOneOutcome(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(nil)
	for _, tt := range []struct {
		answers []string
		want    error
	}{
		{[]string{"-WRONGTYPE no\r\n", "-WRONGTYPE no\r\n"}, client.ErrNotApplied},
		{[]string{"-WRONGTYPE no\r\n", "+OK\r\n"}, client.ErrUnknown},
		{[]string{"+OK\r\n", "+OK\r\n"}, nil},
	} {
		f.on(once("KATA ONCE", tt.answers...))
		if err := c.MSet(t.Context(), map[string][]byte{"a": nil, "b": nil}); !errors.Is(err, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.answers, err, tt.want)
		}
	}
	f.take()
	if err := c.MSet(t.Context(), map[string][]byte{"{x}1": nil, "{x}2": nil}); err != nil || len(f.take()) != 1 {
		t.Errorf("keys of one slot are not in one command: %v", err)
	}
	if values, err := c.MGet(t.Context()); values != nil || err != nil {
		t.Errorf("no keys: got %v, %v", values, err)
	}
}

func TestDo(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(nil)
	f.on(func(_ int, command string) string {
		if strings.HasPrefix(command, "DBSIZE") || strings.HasPrefix(command, "NEWER") {
			return ":5\r\n"
		}
		return ""
	})
	for _, tt := range []struct {
		args []any
		sent string
	}{
		{[]any{"SETNX", "k", []byte("v")}, "KATA ONCE "},
		{[]any{"GET", "k"}, "GET k"},
		{[]any{"KATA", "ONCE", "mine", "INCRBY", "k", 5}, "KATA ONCE mine INCRBY k 5"},
		{[]any{"DBSIZE"}, "DBSIZE"},
		{[]any{"NEWER", "thing", 1.5}, "NEWER thing 1.5"},
	} {
		if _, err := c.Do(t.Context(), tt.args...); err != nil {
			t.Errorf("%v: %v", tt.args, err)
		}
		if seen := f.take(); len(seen) != 1 || !strings.HasPrefix(seen[0], "0: "+tt.sent) {
			t.Errorf("%v: sent %q", tt.args, seen)
		}
	}
	for want, args := range map[string][]any{
		"calls share them: use a Session":   {"KATA", "SESSION"},
		"calls share them":                  {"readonly"},
		"choose with With":                  {"KATA", "WITH", "strong", "", "GET", "k"},
		"a command needs at least its name": {},
		"argument 1 is a bool":              {"GET", true},
	} {
		if _, err := c.Do(t.Context(), args...); !errors.Is(err, client.ErrNotApplied) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
	// What the client does not know to be a read is not sent twice.
	f.on(once("NEWER", hangUp))
	if _, err := c.Do(t.Context(), "NEWER"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// Answers of another kind than the command has are errors, and leave a write in doubt.
func TestAnswersAreChecked(t *testing.T) {
	f := startScripted(t, 1, false)
	c := f.open(nil)
	for _, tt := range []struct {
		name   string
		answer string
		do     func() error
		want   error
	}{
		{"GET", ":1\r\n", func() error { _, err := c.Get(t.Context(), "k"); return err }, client.ErrNotApplied},
		{"STRLEN", "+OK\r\n", func() error { _, err := c.Strlen(t.Context(), "k"); return err }, client.ErrNotApplied},
		{"MGET", "*1\r\n+OK\r\n", func() error { _, err := c.MGet(t.Context(), "{a}1", "{a}2"); return err }, client.ErrNotApplied},
		{"KATA GET", "*1\r\n:1\r\n", func() error { _, err := c.GetRecord(t.Context(), "k"); return err }, client.ErrNotApplied},
		{"KATA GET", "*2\r\n+x\r\n$1\r\nv\r\n", func() error { _, err := c.GetRecord(t.Context(), "k"); return err }, client.ErrNotApplied},
		{"KATA ONCE", bulk("x"), func() error { return c.Set(t.Context(), "k", nil) }, client.ErrUnknown},
		{"KATA ONCE", "+OK\r\n", func() error { _, err := c.SetIf(t.Context(), "k", nil, client.IfAbsent()); return err }, client.ErrUnknown},
		{"KATA WITH", bulk("x"), func() error { return c.NewSession().Set(t.Context(), "k", nil) }, client.ErrUnknown},
		{"MGET", "*2\r\n+OK\r\n:1\r\n", func() error { _, err := c.MGet(t.Context(), "{a}1", "{a}2"); return err }, client.ErrNotApplied},
		{"KATA WITH", bulk("x"), func() error { _, err := c.With(client.Strong()).Get(t.Context(), "k"); return err }, client.ErrNotApplied},
	} {
		f.on(once(tt.name, tt.answer))
		if err := tt.do(); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), "unexpected answer") && !strings.Contains(err.Error(), "no revision") {
			t.Errorf("%s answered %q: got %v", tt.name, tt.answer, err)
		}
	}
}
