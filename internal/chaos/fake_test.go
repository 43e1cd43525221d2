package chaos

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/slot"
)

// fake is a store of one process that answers the commands of the workload, right or wrong.
type fake struct {
	listener net.Listener
	group    sync.WaitGroup

	mu struct {
		sync.Mutex
		data   map[string]string
		writes int
		conns  int
		sick   sickness
		old    map[string]string // what was there when it fell ill
		leader string            // whom it sends everybody to, if not empty
	}
}

// sickness is what a fake does wrong.
type sickness int

const (
	sound       sickness = iota
	losesWrites          // it acknowledges some writes and forgets them
	staleReads           // half of its connections read what was there when it fell ill
	writesTwice          // INCR and APPEND take effect twice now and then
	deaf                 // it answers with an internal failure now and then
)

// everyNth is how often a sick fake does what it does wrong.
const everyNth = 97

func startFake(t *testing.T) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{listener: l}
	f.mu.data = map[string]string{}
	f.group.Go(f.accept)
	t.Cleanup(func() {
		_ = l.Close()
		f.group.Wait()
	})
	return f
}

func (f *fake) door() placement.Addresses {
	addr := f.listener.Addr().String()
	return placement.Addresses{Plain: addr, Cluster: addr}
}

// fallIll changes what the fake does from now on.
func (f *fake) fallIll(s sickness) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.sick, f.mu.old = s, maps.Clone(f.mu.data)
}

// deferTo sends everybody to another fake from now on.
func (f *fake) deferTo(leader *fake) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.leader = leader.door().Cluster
}

func (f *fake) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.group.Go(func() { f.serve(conn) })
	}
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	f.mu.Lock()
	f.mu.conns++
	number := f.mu.conns
	f.mu.Unlock()
	p, w := resp.NewParser(resp.DefaultLimits()), resp.NewWriter(nil, 2)
	for {
		n, err := conn.Read(p.Space(1 << 10))
		if err != nil {
			return
		}
		p.Commit(n)
		for {
			args, err := p.Next()
			if errors.Is(err, resp.ErrIncomplete) {
				break
			}
			if err != nil {
				return
			}
			f.answer(w, number, args)
		}
		if _, err := conn.Write(w.Bytes()); err != nil {
			return
		}
		w.Reset()
	}
}

// answer executes one command.
func (f *fake) answer(w *resp.Writer, conn int, args [][]byte) {
	text := make([]string, len(args))
	for i, arg := range args {
		text[i] = string(arg)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.leader != "" {
		w.Error(fmt.Sprintf("MOVED %d %s", slot.Of(args[1]), f.mu.leader))
		return
	}
	data := f.mu.data
	switch text[0] {
	case "GET", "MGET", "EXISTS", "STRLEN":
		if f.mu.sick == staleReads && conn%2 == 0 {
			data = f.mu.old
		}
	default:
		if f.mu.writes++; f.mu.writes%everyNth == 0 {
			switch f.mu.sick {
			case losesWrites:
				data = maps.Clone(data)
			case writesTwice:
				if text[0] == "INCR" || text[0] == "APPEND" {
					execute(resp.NewWriter(nil, 2), data, text)
				}
			case deaf:
				w.Error("ERR something broke inside")
				return
			}
		}
	}
	execute(w, data, text)
}

func bulkOrNull(w *resp.Writer, data map[string]string, key string) {
	if value, ok := data[key]; ok {
		w.BulkString(value)
		return
	}
	w.Null()
}

// execute is the sound store.
func execute(w *resp.Writer, data map[string]string, args []string) {
	switch name, keys := args[0], args[1:]; name {
	case "GET":
		bulkOrNull(w, data, keys[0])
	case "MGET":
		w.ArrayHeader(len(keys))
		for _, key := range keys {
			bulkOrNull(w, data, key)
		}
	case "STRLEN":
		w.Int(int64(len(data[keys[0]])))
	case "EXISTS", "DEL":
		count := int64(0)
		for _, key := range keys {
			if _, ok := data[key]; ok {
				count++
			}
			if name == "DEL" {
				delete(data, key)
			}
		}
		w.Int(count)
	case "MSET":
		for i := 0; i < len(keys); i += 2 {
			data[keys[i]] = keys[i+1]
		}
		w.SimpleString("OK")
	case "INCR", "INCRBY":
		delta := int64(1)
		if name == "INCRBY" {
			delta, _ = strconv.ParseInt(args[2], 10, 64)
		}
		number, _ := strconv.ParseInt(data[keys[0]], 10, 64)
		data[keys[0]] = strconv.FormatInt(number+delta, 10)
		w.Int(number + delta)
	case "APPEND":
		data[keys[0]] += args[2]
		w.Int(int64(len(data[keys[0]])))
	default:
		executeSet(w, data, args)
	}
}

func executeSet(w *resp.Writer, data map[string]string, args []string) {
	old, present := data[args[1]]
	option := ""
	if len(args) > 3 {
		option = args[3]
	}
	refused := (option == "NX" || args[0] == "SETNX") && present || option == "XX" && !present
	if !refused {
		data[args[1]] = args[2]
	}
	switch {
	case args[0] == "SETNX" && refused:
		w.Int(0)
	case args[0] == "SETNX":
		w.Int(1)
	case option == "GET" && present:
		w.BulkString(old)
	case option == "GET" || refused:
		w.Null()
	default:
		w.SimpleString("OK")
	}
}

// finals reads what the streams wrote.
func (f *fake) finals(t *testing.T, streams []*stream) []check.History {
	t.Helper()
	read, err := readThrough(t.Context(), f.door().Plain, keysOfStreams(streams), finalClient)
	if err != nil {
		t.Fatal(err)
	}
	return []check.History{read}
}
