package kv_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/engine"
	"github.com/katakv/katakv/internal/kv"
)

func setIf(flags command.Flags, revision katakv.Revision, key, value string) *command.Operation {
	op := withValue(command.KindSetIf, key, value)
	op.Flags, op.Delta = flags, int64(revision)
	return op
}

func delIf(flags command.Flags, revision katakv.Revision, key string) *command.Operation {
	op := onKeys(command.KindDelIf, key)
	op.Flags, op.Delta = flags, int64(revision)
	return op
}

func getRecord(key string) *command.Operation { return onKeys(command.KindGetRecord, key) }

// rev names a write in the words of the tests: entries of makeReplica's replicas begin at 11.
func rev(entry, position int) katakv.Revision {
	return katakv.NewRevision(katakv.Index(entry), position)
}

// changeText and recordText show the replies with revisions readably.
func changeText(t *testing.T, r command.Reply) string {
	t.Helper()
	c, err := r.Change()
	if err != nil {
		t.Fatalf("%v: %s", err, text(r))
	}
	return fmt.Sprintf("%v %v", c.Applied, c.Revision)
}

func recordText(t *testing.T, r command.Reply) string {
	t.Helper()
	record, found, err := r.Record()
	if err != nil {
		t.Fatalf("%v: %s", err, text(r))
	}
	if !found {
		return "nil"
	}
	return fmt.Sprintf("%v %q", record.Revision, record.Value)
}

// TestConditions runs a script, an entry a line, the first at index 11.
func TestConditions(t *testing.T) {
	const present, absent, at = command.FlagXX, command.FlagNX, command.FlagRevision
	script := []struct {
		op   *command.Operation
		want string
	}{
		{setIf(present, 0, "k", "no"), "false 0-0"},
		{setIf(at, rev(11, 0), "k", "no"), "false 0-0"},
		{delIf(0, 0, "k"), "false 0-0"},
		{delIf(present, 0, "k"), "false 0-0"},
		{setIf(absent, 0, "k", "a"), "true 15-0"},
		{setIf(absent, 0, "k", "no"), "false 15-0"},
		{setIf(at, rev(14, 0), "k", "no"), "false 15-0"},
		{setIf(at, rev(15, 1), "k", "no"), "false 15-0"},
		{setIf(at, rev(15, 0), "k", "b"), "true 19-0"},
		{setIf(at, rev(15, 0), "k", "no"), "false 19-0"},
		{setIf(present, 0, "k", "c"), "true 21-0"},
		{setIf(0, 0, "k", "d"), "true 22-0"},
		{delIf(at, rev(21, 0), "k"), "false 22-0"},
		{delIf(at, rev(22, 0), "k"), "true 0-0"},
		{setIf(at, rev(22, 0), "k", "no"), "false 0-0"},
		{setIf(absent, 0, "k", "e"), "true 26-0"},
		{delIf(present, 0, "k"), "true 0-0"},
		{setIf(0, 0, "k", "f"), "true 28-0"},
		{delIf(0, 0, "k"), "true 0-0"},
	}
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	for i, line := range script {
		if got := changeText(t, apply(t, w, m, line.op)[0]); got != line.want {
			t.Errorf("line %d: got %s, want %s", i, got, line.want)
		}
	}
	if got := text(m.Read(e, get("k"))); got != "nil" {
		t.Errorf("at the end: got %s", got)
	}
}

// TestEveryWriteHasItsRevision holds writes of one key in one entry apart: whoever was told a revision must never
// find it on what somebody else wrote.
func TestEveryWriteHasItsRevision(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	replies := apply(t, w, m,
		setIf(0, 0, "k", "mine"), getRecord("k"), set("k", "theirs"), getRecord("k"),
		setIf(command.FlagRevision, rev(11, 0), "k", "lost update"),
		setIf(command.FlagRevision, rev(11, 2), "k", "right"), getRecord("k"))
	got := changeText(t, replies[0]) + ", " + recordText(t, replies[1]) + ", " + recordText(t, replies[3]) + ", " +
		changeText(t, replies[4]) + ", " + changeText(t, replies[5]) + ", " + recordText(t, replies[6])
	want := `true 11-0, 11-0 "mine", 11-2 "theirs", false 11-2, true 11-5, 11-5 "right"`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// Two holders of one lock: created, deleted by an administrator and created again within an entry.
	replies = apply(t, w, m, setIf(command.FlagNX, 0, "lock", "a"), onKeys(command.KindDel, "lock"),
		setIf(command.FlagNX, 0, "lock", "b"), delIf(command.FlagRevision, rev(12, 0), "lock"))
	if got := changeText(t, replies[3]); got != "false 12-2" {
		t.Errorf("the first holder gave up the second one's lock: %s", got)
	}
	if got := recordText(t, m.Read(e, getRecord("lock"))); got != `12-2 "b"` {
		t.Errorf("the lock: got %s", got)
	}
	// Every other kind that writes counts, too.
	apply(t, w, m, incrBy("n", 1), incrBy("n", 1), withValue(command.KindAppend, "p", "x"), withValue(command.KindSetNX, "q", "x"))
	for key, want := range map[string]string{"n": `13-1 "2"`, "p": `13-2 "x"`, "q": `13-3 "x"`, "none": "nil"} {
		if got := recordText(t, m.Read(e, getRecord(key))); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}

// conditionalModel is a shard as a plain map of records.
type conditionalModel map[string]modelRecord

type modelRecord struct {
	value    string
	revision katakv.Revision
}

// execute does what op says at a revision, and tells what must be answered.
func (m conditionalModel) execute(op *command.Operation, revision katakv.Revision) string {
	key := string(op.Keys[0])
	old, found := m[key]
	holds := true
	switch op.Flags {
	case command.FlagNX:
		holds = !found
	case command.FlagXX:
		holds = found
	case command.FlagRevision:
		holds = found && old.revision == katakv.Revision(op.Delta)
	}
	switch op.Kind {
	case command.KindGetRecord:
		if !found {
			return "nil"
		}
		return fmt.Sprintf("%v %q", old.revision, old.value)
	case command.KindSet:
		m[key] = modelRecord{string(op.Values[0]), revision}
		return "OK"
	case command.KindDel:
		delete(m, key)
		return strconv.Itoa(map[bool]int{true: 1}[found])
	case command.KindSetIf:
		if holds {
			m[key] = modelRecord{string(op.Values[0]), revision}
		}
	case command.KindDelIf:
		holds = holds && found
		if holds {
			delete(m, key)
		}
	}
	return fmt.Sprintf("%v %v", holds, m[key].revision)
}

// TestConditionalModel applies random entries, with crashes that lose what was not flushed, and holds every answer
// against the model.
func TestConditionalModel(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			e := engine.NewMemory()
			m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
			model := conditionalModel{}
			told := []katakv.Revision{rev(1, 0)} // revisions that a client may know
			var log [][]byte
			for index := 11; index < 800; index++ {
				ops := make([]*command.Operation, 1+rng.IntN(6))
				want := make([]string, len(ops))
				for i := range ops {
					ops[i] = drawConditional(rng, told)
					want[i] = model.execute(ops[i], rev(index, i))
				}
				log = append(log, kv.AppendEntry(nil, 0, ops))
				for i, reply := range apply(t, w, m, ops...) {
					got := ""
					switch ops[i].Kind {
					case command.KindGetRecord:
						got = recordText(t, reply)
					case command.KindSetIf, command.KindDelIf:
						got = changeText(t, reply)
					default:
						got = text(reply)
					}
					if got != want[i] {
						t.Fatalf("entry %d, operation %d %+v: got %s, want %s", index, i, ops[i], got, want[i])
					}
				}
				for _, r := range model {
					told = append(told, r.revision)
				}
				told = told[max(0, len(told)-30):]
				switch rng.IntN(20) {
				case 0:
					if err := e.Flush(); err != nil {
						t.Fatal(err)
					}
				case 1:
					e = e.Crash()
					m, w = openMachine(t, e, 1), kv.NewWriter(e)
					replay(t, w, m, log)
				}
			}
		})
	}
}

// replay applies what m lacks of a log that begins at 11; nobody waits for answers.
func replay(t *testing.T, w *kv.Writer, m *kv.Machine, log [][]byte) {
	t.Helper()
	for _, data := range log[m.Meta().Applied-10:] {
		if _, err := w.Apply(m, m.Meta().Applied+1, 1, data, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func drawConditional(rng *rand.Rand, told []katakv.Revision) *command.Operation {
	key, value := string(rune('a'+rng.IntN(3))), strconv.Itoa(rng.IntN(1000))
	condition := []command.Flags{0, command.FlagNX, command.FlagXX, command.FlagRevision, command.FlagRevision}[rng.IntN(5)]
	revision := katakv.Revision(0)
	if condition == command.FlagRevision {
		revision = told[rng.IntN(len(told))]
	}
	switch rng.IntN(8) {
	case 0:
		return set(key, value)
	case 1:
		return onKeys(command.KindDel, key)
	case 2, 3:
		return getRecord(key)
	case 4:
		if condition == command.FlagNX {
			condition = 0
		}
		return delIf(condition, revision, key)
	default:
		return setIf(condition, revision, key, value)
	}
}

// TestConcurrentCompareAndSet lets clients count by compare-and-set, any number of them in one entry, in any order.
// Every success counts once, and every failure not at all.
func TestConcurrentCompareAndSet(t *testing.T) {
	const clients, goal = 12, 600
	rng := rand.New(rand.NewPCG(7, 7))
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 1, every()), kv.NewWriter(e)
	apply(t, w, m, setIf(0, 0, "n", "0"))
	type client struct {
		value    int
		revision katakv.Revision
		read     bool
	}
	all := make([]client, clients)
	successes, failures := 0, 0
	for successes < goal {
		var ops []*command.Operation
		order := rng.Perm(clients)[:1+rng.IntN(clients)]
		for _, i := range order {
			c := &all[i]
			if c.read {
				ops = append(ops, setIf(command.FlagRevision, c.revision, "n", strconv.Itoa(c.value+1)))
			} else {
				ops = append(ops, getRecord("n"))
			}
		}
		for at, reply := range apply(t, w, m, ops...) {
			c := &all[order[at]]
			if !c.read {
				record, found, err := reply.Record()
				if err != nil || !found {
					t.Fatalf("got %v, %v", found, err)
				}
				c.value, _ = strconv.Atoi(string(record.Value))
				c.revision, c.read = record.Revision, true
				continue
			}
			change, err := reply.Change()
			if err != nil {
				t.Fatal(err)
			}
			if change.Applied {
				successes++
			} else {
				failures++
			}
			c.read = false
		}
	}
	if got := text(m.Read(e, get("n"))); got != strconv.Quote(strconv.Itoa(successes)) {
		t.Errorf("%d successes, but the counter is %s", successes, got)
	}
	if failures == 0 {
		t.Error("no condition ever failed: the clients did not meet")
	}
}

func TestConditionalOfOtherSlots(t *testing.T) {
	e := engine.NewMemory()
	m, w := makeReplica(t, e, 3, modelSlots(0)), kv.NewWriter(e)
	theirs := keysOf[1][0]
	ops := []*command.Operation{setIf(0, 0, theirs, "x"), delIf(0, 0, theirs), getRecord(theirs), scanFrom(modelSlots(1).First, "", "")}
	for i, r := range apply(t, w, m, ops...) {
		if r.Kind != command.ReplyError || r.Err.Code != katakv.CodeNotLeader {
			t.Errorf("operation %d: got %s", i, text(r))
		}
	}
	if !slices.Equal(ops[0].Keys[0], []byte(theirs)) {
		t.Error("the operation was changed")
	}
}
