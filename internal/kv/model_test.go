package kv_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
	"github.com/katakv/katakv/internal/slot"
)

// model is one shard as a plain map. It knows the commands by Redis's documentation, and nothing of records.
type model map[string]string

func (m model) execute(op *command.Operation) string {
	key := ""
	if len(op.Keys) > 0 {
		key = string(op.Keys[0])
	}
	old, found := m[key]
	bulk := func(key string) string {
		if v, ok := m[key]; ok {
			return strconv.Quote(v)
		}
		return "nil"
	}
	switch op.Kind {
	case command.KindGet:
		return bulk(key)
	case command.KindMGet:
		s := "["
		for _, k := range op.Keys {
			s += bulk(string(k)) + " "
		}
		return s + "]"
	case command.KindStrlen:
		return fmt.Sprint(len(old))
	case command.KindExists, command.KindDel:
		n := 0
		for _, k := range op.Keys {
			if _, ok := m[string(k)]; ok {
				n++
				if op.Kind == command.KindDel {
					delete(m, string(k))
				}
			}
		}
		return fmt.Sprint(n)
	case command.KindCountKeysInSlot:
		n := 0
		for k := range m {
			if int64(slot.Of([]byte(k))) == op.Delta {
				n++
			}
		}
		return fmt.Sprint(n)
	case command.KindMSet:
		for i, k := range op.Keys {
			m[string(k)] = string(op.Values[i])
		}
		return "OK"
	case command.KindIncrBy:
		n := int64(0)
		if found {
			var err error
			if n, err = strconv.ParseInt(old, 10, 64); err != nil || fmt.Sprint(n) != old { // as in Redis, "018" is none
				return "error invalid: value is not an integer or out of range"
			}
		}
		m[key] = fmt.Sprint(n + op.Delta)
		return m[key]
	case command.KindAppend:
		m[key] = old + string(op.Values[0])
		return fmt.Sprint(len(m[key]))
	case command.KindSetNX:
		if found {
			return "0"
		}
		m[key] = string(op.Values[0])
		return "1"
	}
	was := bulk(key)
	set := (op.Flags&command.FlagNX == 0 || !found) && (op.Flags&command.FlagXX == 0 || found)
	if set {
		m[key] = string(op.Values[0])
	}
	switch {
	case op.Flags&command.FlagGet != 0:
		return was
	case set:
		return "OK"
	}
	return "nil"
}

// history is what one shard's log holds: the entries from index 11 on, and what each must answer and leave.
type history struct {
	entries [][]byte
	replies []string
	states  []model // states[n] after n entries
	// requests[n] is what is remembered after n entries.
	requests []modelRequests
}

// world is an engine with shards on it, some way behind their logs.
type world struct {
	t        *testing.T
	rng      *rand.Rand
	engine   engine.Engine
	writer   *kv.Writer
	machines []*kv.Machine
	logs     []history
}

const modelShards = 3

func modelSlots(i int) *slot.Range {
	r := slot.Split(modelShards)[i]
	return &r
}

func newWorld(t *testing.T, e engine.Engine, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 3)), engine: e, writer: kv.NewWriter(e)}
	for i := range modelShards {
		w.machines = append(w.machines, makeReplica(t, e, katakv.ShardID(i+1), modelSlots(i)))
		w.logs = append(w.logs, history{states: []model{{}}, requests: []modelRequests{{known: map[string]modelRequest{}}}})
	}
	return w
}

// keysOf has a few keys of each shard, so that operations meet.
var keysOf = func() (keys [modelShards][]string) {
	for i := range 60 {
		key := fmt.Sprintf("key%d", i)
		for shard := range modelShards {
			if modelSlots(shard).Contains(slot.Of([]byte(key))) && len(keys[shard]) < 8 {
				keys[shard] = append(keys[shard], key)
			}
		}
	}
	return keys
}()

func (w *world) key(shard int) string { return keysOf[shard][w.rng.IntN(len(keysOf[shard]))] }

// operation draws one. Entries without reads are drawn as such, since the Writer treats them apart.
func (w *world) operation(shard int, blind bool) *command.Operation {
	value := fmt.Sprint(w.rng.IntN(1000))
	kind := w.rng.IntN(12)
	if blind {
		kind = w.rng.IntN(2)
	}
	switch kind {
	case 0:
		return set(w.key(shard), value)
	case 1:
		return &command.Operation{
			Kind: command.KindMSet, Keys: bytesOf([]string{w.key(shard), w.key(shard)}), Values: bytesOf([]string{value, "x" + value}),
		}
	case 2:
		return setWith([]command.Flags{
			command.FlagNX, command.FlagXX, command.FlagGet, command.FlagNX | command.FlagGet, command.FlagXX | command.FlagGet,
		}[w.rng.IntN(5)], w.key(shard), value)
	case 3:
		return onKeys(command.KindDel, w.key(shard), w.key(shard))
	case 4, 5:
		return incrBy(w.key(shard), int64(w.rng.IntN(100)-50))
	case 6:
		return withValue(command.KindAppend, w.key(shard), value)
	case 7:
		return withValue(command.KindSetNX, w.key(shard), value)
	case 8:
		return onKeys(command.KindMGet, w.key(shard), w.key(shard))
	case 9:
		return onKeys(command.KindExists, w.key(shard), w.key(shard), w.key(shard))
	case 10:
		return countKeys(slot.Of([]byte(w.key(shard))))
	default:
		return get(w.key(shard))
	}
}

// grow appends an entry to a shard's log, after asking the model.
func (w *world) grow(shard int) {
	h := &w.logs[shard]
	state := maps.Clone(h.states[len(h.states)-1])
	var data []byte
	answers := ""
	requests := h.requests[len(h.requests)-1].after(w.rng)
	if w.rng.IntN(10) > 0 { // else Raft's empty entry
		var ops []*command.Operation
		blind := w.rng.IntN(2) == 0
		for range 1 + w.rng.IntN(5) {
			op := w.operation(shard, blind)
			if !blind && w.rng.IntN(2) == 0 {
				w.giveID(op)
			}
			ops = append(ops, op)
			answers += requests.execute(state, op) + "; "
		}
		data = kv.AppendEntry(nil, requests.clock, ops)
	}
	h.entries, h.replies, h.states = append(h.entries, data), append(h.replies, answers), append(h.states, state)
	h.requests = append(h.requests, requests)
}

// pass applies some of what the machines are behind, as a core's pass does, and commits it.
func (w *world) pass(limit int) {
	for i, m := range w.machines {
		h := &w.logs[i]
		for range limit {
			at := int(m.Meta().Applied) - 10
			if at == len(h.entries) {
				break
			}
			want := w.rng.IntN(3) > 0
			replies, err := w.writer.Apply(m, m.Meta().Applied+1, 1, h.entries[at], want)
			if err != nil {
				w.t.Fatalf("shard %d, entry %d: %v", i, at, err)
			}
			if got := texts(replies); want && got != h.replies[at] {
				w.t.Fatalf("shard %d, entry %d: got %s, want %s", i, at, got, h.replies[at])
			}
		}
	}
	if err := w.writer.Commit(); err != nil {
		w.t.Fatal(err)
	}
}

// check compares every machine's data with the model at its applied index.
func (w *world) check() {
	for i, m := range w.machines {
		state := w.logs[i].states[int(m.Meta().Applied)-10]
		meta, err := kv.ReadMeta(w.engine, m.Shard())
		if err != nil || meta.Applied != m.Meta().Applied {
			w.t.Fatalf("shard %d: applied %d, %v; want %d", i, meta.Applied, err, m.Meta().Applied)
		}
		for _, key := range keysOf[i] {
			want := "nil"
			if v, ok := state[key]; ok {
				want = strconv.Quote(v)
			}
			if got := text(m.Read(w.engine, get(key))); got != want {
				w.t.Fatalf("shard %d at %d: %s is %s, want %s", i, m.Meta().Applied, key, got, want)
			}
		}
	}
}

// restart opens everything anew over what a crash left; the machines must not be behind durable.
func (w *world) restart(e engine.Engine, durable []katakv.Index) {
	w.engine, w.writer = e, kv.NewWriter(e)
	for i := range w.machines {
		w.machines[i] = openMachine(w.t, e, katakv.ShardID(i+1))
		if got := w.machines[i].Meta().Applied; got < durable[i] {
			w.t.Fatalf("shard %d: applied %d after the crash, but %d was durable", i, got, durable[i])
		}
	}
}

// run lets the world grow, flush and crash; crash returns the engine that is left.
func (w *world) run(steps int, crash func(engine.Engine) engine.Engine) {
	durable := slices.Repeat([]katakv.Index{10}, modelShards)
	for range steps {
		for range w.rng.IntN(6) {
			w.grow(w.rng.IntN(modelShards))
		}
		w.pass(1 + w.rng.IntN(4))
		w.check()
		switch w.rng.IntN(12) {
		case 0:
			if err := w.engine.Flush(); err != nil {
				w.t.Fatal(err)
			}
			for i, m := range w.machines {
				durable[i] = m.Meta().Applied
			}
		case 1:
			w.restart(crash(w.engine), durable)
			w.check()
		}
	}
	for i := range w.logs {
		w.pass(len(w.logs[i].entries))
	}
	w.check()
}

func TestModelOnMemory(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4, 5, 6, 7, 8} {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			w := newWorld(t, engine.NewMemory(), seed)
			w.run(300, func(e engine.Engine) engine.Engine { return e.(*engine.Memory).Crash() })
		})
	}
}

func TestModelOnPebble(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			w := newWorld(t, openPebble(t, fs), seed)
			w.run(150, func(e engine.Engine) engine.Engine {
				fs = fs.CrashClone(vfs.CrashCloneCfg{})
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				return openPebble(t, fs)
			})
			if err := w.engine.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
