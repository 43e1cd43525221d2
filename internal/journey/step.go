package journey

import (
	"fmt"
	"time"

	"github.com/katakv/katakv"
)

// Kind says what happened. Kinds travel between nodes: their numbers never change meaning.
type Kind uint8

// What a router does.
const (
	Received  Kind = 1 + iota // from the client, or from Peer, which forwards it
	Routed                    // to Shard, which Peer leads as far as is known
	Waiting                   // for a leader, or for the next try
	Forwarded                 // to Peer
	Heard                     // the answer of Peer to the forward
	Queued                    // for the core of this node
	Refused                   // by Peer, with Code: there may be another try
	Expired                   // no answer in time
	Answered                  // to the client, or to Peer
)

// What a replica does.
const (
	Taken       Kind = 32 + iota // up by the core, in a pass that found it queued
	Proposed                     // as the entry Index of Term, and handed to the log
	Sent                         // the entry, to Peer
	Durable                      // on Peer's disk, as the leader hears it
	Quorum                       // a majority has the entry Index on disk: it is committed
	Applied                      // the entry Index, to the state
	QuorumAsked                  // by a leader: do I still lead?
	LeaderAsked                  // by a follower, of Peer: how far is the shard?
	Confirmed                    // by a quorum: this replica leads, and the shard is at Index
	Leased                       // the same, by a lease, without asking anybody
	Told                         // by the leader: the shard is at Index
	Behind                       // waits until Index is applied here
	Read                         // from the state, with Index applied
	TooSlow                      // this replica gives the read up, to the leader
	lastOfReplica
)

// kinds tells programs the name of each kind, which never changes, and people what happened.
var kinds = [lastOfReplica]struct {
	name string
	text func(s *Step) string
}{
	Received:    {"received", (*Step).received},
	Routed:      {"routed", (*Step).routed},
	Waiting:     {"waiting", plain("waits for a leader, or for another try")},
	Forwarded:   {"forwarded", withPeer("forwarded to %v")},
	Heard:       {"heard", withPeer("has the answer of %v")},
	Queued:      {"queued", plain("queued for the core")},
	Refused:     {"refused", (*Step).refused},
	Expired:     {"expired", plain("no answer in time")},
	Answered:    {"answered", plain("answered")},
	Taken:       {"taken", plain("taken up by the core")},
	Proposed:    {"proposed", func(s *Step) string { return fmt.Sprintf("proposed as entry %d of term %d", s.Index, s.Term) }},
	Sent:        {"sent", withPeer("sent to %v")},
	Durable:     {"durable", (*Step).durable},
	Quorum:      {"quorum", withIndex("quorum: entry %d is committed")},
	Applied:     {"applied", withIndex("entry %d applied")},
	QuorumAsked: {"quorum-asked", plain("asks a quorum whether it still leads")},
	LeaderAsked: {"leader-asked", withPeer("asks the leader, %v, how far the shard is")},
	Confirmed:   {"confirmed", withIndex("leads, says a quorum; the shard is at %d")},
	Leased:      {"leased", withIndex("leads, by its lease; the shard is at %d")},
	Told:        {"told", withIndex("told by the leader: the shard is at %d")},
	Behind:      {"behind", withIndex("waits until entry %d is applied here")},
	Read:        {"read", withIndex("read from the state at %d")},
	TooSlow:     {"too-slow", plain("cannot answer in time: up to the leader")},
}

// Valid reports whether this version knows the kind.
func (k Kind) Valid() bool { return k < lastOfReplica && kinds[k].name != "" }

// String returns the kind's name, such as "quorum".
func (k Kind) String() string {
	if k.Valid() {
		return kinds[k].name
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// ParseKind returns the kind with a name, and zero for a name that this version does not know.
func ParseKind(name string) Kind {
	for k := range kinds {
		if kinds[k].name == name && name != "" {
			return Kind(k)
		}
	}
	return 0
}

// Role is what did a step.
type Role uint8

// The roles. Their numbers never change meaning.
const (
	Router Role = iota
	Leader
	Follower
	roleCount
)

var roleNames = [roleCount]string{"router", "leader", "follower"}

// Valid reports whether this version knows the role.
func (r Role) Valid() bool { return r < roleCount }

// String returns "router", "leader" or "follower".
func (r Role) String() string {
	if r.Valid() {
		return roleNames[r]
	}
	return fmt.Sprintf("role-%d", uint8(r))
}

// ParseRole returns the role with a name, and Router for a name that this version does not know.
func ParseRole(name string) Role {
	for r := range roleNames {
		if roleNames[r] == name {
			return Role(r)
		}
	}
	return Router
}

// Step is one thing that happened to a request. Fields that mean nothing to its kind are zero.
type Step struct {
	Kind Kind
	Role Role
	// At is when it happened, since the request was received. In a Leg and a Report it counts from when that began.
	At time.Duration
	// Margin is how far off At may be, either way: zero where the node that was asked measured it itself.
	Margin time.Duration
	Node   katakv.NodeID  // that did it
	Shard  katakv.ShardID // zero: it concerns the whole request
	Peer   katakv.NodeID  // the other node, if two took part
	// Replica is Peer for replicas, which know nothing of nodes.
	Replica katakv.ReplicaID
	Term    katakv.Term
	Index   katakv.Index
	Code    katakv.Code
}

// Text returns what happened, for people: a few words without the node that did it.
func (s *Step) Text() string {
	if s.Kind.Valid() {
		return kinds[s.Kind].text(s)
	}
	return s.Kind.String()
}

func plain(text string) func(*Step) string { return func(*Step) string { return text } }

func withPeer(format string) func(*Step) string {
	return func(s *Step) string { return fmt.Sprintf(format, s.Peer) }
}

func withIndex(format string) func(*Step) string {
	return func(s *Step) string { return fmt.Sprintf(format, s.Index) }
}

func (s *Step) received() string {
	if s.Peer == 0 {
		return "received from the client"
	}
	return "received the forward"
}

func (s *Step) routed() string {
	if s.Peer == 0 {
		return fmt.Sprintf("shard %v, which nobody leads as far as is known", s.Shard)
	}
	return fmt.Sprintf("shard %v, led by %v", s.Shard, s.Peer)
}

func (s *Step) refused() string {
	if s.Code == katakv.CodeUnknown {
		return fmt.Sprintf("no word from %v: its connection or its leadership is lost", s.Peer)
	}
	return fmt.Sprintf("refused by %v: %v", s.Peer, s.Code)
}

func (s *Step) durable() string {
	if s.Peer == s.Node {
		return "on its own disk"
	}
	return fmt.Sprintf("on the disk of %v", s.Peer)
}
