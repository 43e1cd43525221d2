package session_test

import (
	"encoding/base64"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/session"
)

const cluster = katakv.ClusterID(0xfeed)

func at(shard katakv.ShardID, index katakv.Index, level katakv.Level) katakv.Served {
	return katakv.Served{Shard: shard, Index: index, Level: level}
}

func wantSeen(t *testing.T, s *session.Session, shard katakv.ShardID, index katakv.Index, known bool) {
	t.Helper()
	if got, ok := s.Seen(shard); got != index || ok != known {
		t.Errorf("%v: seen up to %d, known %v; want %d, %v", shard, got, ok, index, known)
	}
}

// full returns a session that has seen shards 1 to n, the last one last, each up to 10 times its number.
func full(n int) *session.Session {
	s := &session.Session{}
	for i := 1; i <= n; i++ {
		s.See(at(katakv.ShardID(i), katakv.Index(10*i), katakv.LevelStrong))
	}
	return s
}

func TestSeenOnlyGrows(t *testing.T) {
	s := full(3)
	s.See(at(2, 15, katakv.LevelEventual))
	wantSeen(t, s, 2, 20, true)
	s.See(at(2, 25, katakv.LevelEventual))
	wantSeen(t, s, 2, 25, true)
	wantSeen(t, s, 4, 0, true)
}

func TestDroppedShardsMayHaveBeenSeenUpToAnyIndex(t *testing.T) {
	s := full(session.MaxEntries + 1)
	wantSeen(t, s, 1, 0, false)
	wantSeen(t, s, 9999, 0, false)
	wantSeen(t, s, 2, 20, true)
	s.See(at(1, 5, katakv.LevelEventual)) // says nothing of what was seen before
	wantSeen(t, s, 1, 0, false)
	s.See(at(1, 30, katakv.LevelStrong))
	wantSeen(t, s, 1, 30, true)
	wantSeen(t, s, 2, 0, false) // made room
	s.Reset()
	wantSeen(t, s, 1, 0, true)
}

// A merge must promise what both promised, most of all where one of them does not know any more what it promised.
func TestMergeKeepsBothPromises(t *testing.T) {
	a, b := full(2), &session.Session{}
	b.See(at(2, 99, katakv.LevelStrong))
	b.See(at(3, 7, katakv.LevelStrong))
	a.Merge(b)
	wantSeen(t, a, 1, 10, true)
	wantSeen(t, a, 2, 99, true)
	wantSeen(t, a, 3, 7, true)

	forgetful := full(session.MaxEntries + 2) // 1 and 2 are dropped
	a.Merge(forgetful)
	wantSeen(t, a, 1, 0, false) // the other may have seen more than 10
	wantSeen(t, a, 2, 0, false)
	wantSeen(t, a, 3, 30, true)

	forgetful = full(session.MaxEntries + 2)
	forgetful.Merge(full(2))
	wantSeen(t, forgetful, 1, 0, false)
}

func TestTokenCarriesEverything(t *testing.T) {
	for _, n := range []int{0, 1, 48, session.MaxEntries, session.MaxEntries + 5} {
		s := full(n)
		s.SeeEpoch(17)
		token := s.Token(cluster)
		got, err := session.Parse([]byte(token), cluster)
		if err != nil {
			t.Fatalf("%d shards: %v", n, err)
		}
		if id, err := session.ClusterOf([]byte(token)); id != cluster || err != nil {
			t.Errorf("%d shards: of cluster %v, %v", n, id, err)
		}
		if again := got.Token(cluster); again != token {
			t.Errorf("%d shards: got %q, want %q", n, again, token)
		}
	}
}

// A token travels in a header and in logs.
func TestTokensAreSmall(t *testing.T) {
	if n := len(full(48).Token(cluster)); n > 300 {
		t.Errorf("a token of 48 shards has %d bytes", n)
	}
	s := &session.Session{}
	for i := range 10_000 {
		s.See(at(katakv.ShardID(math.MaxUint64-uint64(i)), math.MaxUint64, katakv.LevelStrong))
	}
	if n := len(s.Token(cluster)); n > 4<<10 {
		t.Errorf("the largest token has %d bytes", n)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	good := full(5).Token(cluster)
	raw, _ := base64.RawURLEncoding.DecodeString(good)
	newer := append([]byte{9}, raw[1:]...)
	for _, c := range []struct{ name, token, want string }{
		{"empty", "", "cut short"},
		{"a word", "hello!", "is none"},
		{"cut", good[:len(good)-4], "cut"},
		{"another cluster's", full(5).Token(7), "belongs to cluster 0000000000000007"},
		{"a later version's", base64.RawURLEncoding.EncodeToString(newer), "version 9"},
		{"long", strings.Repeat("A", 1<<20), "longer"},
	} {
		_, err := session.Parse([]byte(c.token), cluster)
		if err == nil || err.Code != katakv.CodeInvalid || !strings.Contains(err.Message, c.want) || !strings.Contains(err.Message, "KATA SESSION") {
			t.Errorf("%s: got %v; want an error with %q that says what to do", c.name, err, c.want)
		}
	}
	for _, none := range []string{"", "hello!", good[:12], strings.Repeat("A", 1<<20)} {
		if _, err := session.ClusterOf([]byte(none)); err == nil {
			t.Errorf("%.12q has a cluster", none)
		}
	}
	for i := range raw {
		for bit := range 8 {
			bad := append([]byte(nil), raw...)
			bad[i] ^= 1 << bit
			if _, err := session.Parse([]byte(base64.RawURLEncoding.EncodeToString(bad)), cluster); err == nil {
				t.Errorf("bit %d of byte %d may flip", bit, i)
			}
		}
	}
}

func BenchmarkSee(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := full(48)
	shards := rng.Perm(48)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.See(at(katakv.ShardID(1+shards[i%48]), katakv.Index(1000+i), katakv.LevelStrong))
	}
}
