package replica

import (
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

func write(bytes int) *Request {
	return &Request{Operations: []command.Operation{{
		Kind: command.KindSet, Keys: [][]byte{[]byte("k")}, Values: [][]byte{make([]byte, bytes)},
	}}}
}

func TestPackStopsAtTheEntrySize(t *testing.T) {
	tests := []struct {
		name  string
		sizes []int
		want  int
	}{
		{"small ones share an entry", []int{10, 10, 10}, 3},
		{"a large one waits for the next", []int{10, maxEntryBytes, 10}, 1},
		{"a large one travels alone", []int{2 * maxEntryBytes, 10}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p proposals
			for _, s := range tt.sizes {
				p.queue = append(p.queue, write(s))
			}
			if n, _ := p.pack(0); n != tt.want {
				t.Errorf("packed %d of %d; want %d", n, len(tt.sizes), tt.want)
			}
		})
	}
}

// propose makes one proposal for an entry of the term.
func propose(p *proposals, term katakv.Term) *Request {
	r := write(1)
	p.queue = append(p.queue, r)
	p.proposed(1, term)
	return r
}

func entry(term, index uint64) *raftpb.Entry {
	return &raftpb.Entry{Term: new(term), Index: new(index), Data: []byte{1}}
}

func TestProposalsAreNumberedByTheirOwnEntries(t *testing.T) {
	var p proposals
	first, second := propose(&p, 5), propose(&p, 5)
	p.number([]*raftpb.Entry{
		entry(4, 7), // another leader's
		{Term: new(uint64(5)), Index: new(uint64(8))}, // the empty one of a new leader
		entry(5, 9), entry(5, 10),
	})
	for i, want := range []*Request{first, second} {
		pr, ok := p.take(katakv.Index(9 + i))
		if !ok || pr.index != katakv.Index(9+i) || pr.term != 5 || pr.requests[0] != want {
			t.Fatalf("take(%d): got %+v, %v", 9+i, pr, ok)
		}
	}
	if _, ok := p.take(100); ok {
		t.Error("something is left")
	}
}

// After a lost and regained leadership an old proposal can wait at an index above newer ones, or at the same.
func TestProposalsOfSeveralTerms(t *testing.T) {
	var p proposals
	propose(&p, 5)
	p.number([]*raftpb.Entry{entry(5, 12)})
	propose(&p, 7)
	propose(&p, 7)
	p.number([]*raftpb.Entry{entry(7, 11), entry(7, 12)})
	type found struct {
		index katakv.Index
		term  katakv.Term
	}
	var got []found
	for index := katakv.Index(10); index <= 12; index++ {
		for pr, ok := p.take(index); ok; pr, ok = p.take(index) {
			got = append(got, found{pr.index, pr.term})
		}
	}
	want := []found{{11, 7}, {12, 5}, {12, 7}}
	if len(got) != len(want) {
		t.Fatalf("got %v; want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v; want %v", got, want)
		}
	}
}

func TestReadsShareARound(t *testing.T) {
	var r reads
	r.queue = []read{{Request: &Request{}}, {Request: &Request{}}}
	first, ok := r.next(0)
	if !ok {
		t.Fatal("no round")
	}
	r.queue = []read{{Request: &Request{}}}
	if _, ok := r.next(0); ok {
		t.Fatal("two rounds at a time")
	}
	for range readRetryTicks {
		r.tick(0)
	}
	second, ok := r.next(0)
	if !ok || string(first) == string(second) {
		t.Fatalf("the round was not tried again with a new context: %x, %x", first, second)
	}
	r.confirm(first, 5) // late
	if len(r.ready(100)) != 0 {
		t.Fatal("the answer to an old context was believed")
	}
	r.confirm(second, 7)
	if n := len(r.ready(6)); n != 0 {
		t.Errorf("%d reads ran before their index was applied", n)
	}
	if n := len(r.ready(7)); n != 3 {
		t.Errorf("%d reads ran; want 3", n)
	}
}
