package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/placement"
)

// readLevels are the levels at which every replica may answer, and of which one sees what a session wrote.
var readLevels = [][]any{{"STRONG", "REPLICA"}, {"SESSION"}}

// dialAt connects at a level, with a token if it is not empty.
func dialAt(t *testing.T, addr, token string, level ...any) *client.Conn {
	t.Helper()
	conn := dial(t, addr)
	do(t, conn, append([]any{"KATA", "CONSISTENCY"}, level...)...)
	if token != "" {
		do(t, conn, "KATA", "SESSION", token)
	}
	return conn
}

// last returns what KATA LAST tells of one shard.
func last(t *testing.T, conn *client.Conn) map[string]client.Value {
	t.Helper()
	rows := do(t, conn, "KATA", "LAST").Elems
	if len(rows) != 1 {
		t.Fatalf("KATA LAST tells of %d shards", len(rows))
	}
	fields := map[string]client.Value{}
	for i := 0; i+1 < len(rows[0].Elems); i += 2 {
		fields[rows[0].Elems[i].Text()] = rows[0].Elems[i+1]
	}
	return fields
}

// TestReadLevels: what one connection wrote, connections to other nodes see at once, by its token or at level strong.
func TestReadLevels(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	writer := dial(t, c.Nodes[0].Plain)
	elsewhere := map[string]bool{}
	for i := range 100 {
		value := fmt.Sprint("value ", i)
		do(t, writer, "SET", key(i), value)
		token := do(t, writer, "KATA", "SESSION").Text()
		for _, n := range c.Nodes {
			for _, level := range readLevels {
				conn := dialAt(t, n.Plain, token, level...)
				if got := do(t, conn, "GET", key(i)).Text(); got != value {
					t.Fatalf("node %d at %v: GET %s is %q, want %q", n.ID, level, key(i), got, value)
				}
				served := last(t, conn)
				if served["node"].Int == int64(n.ID) && leads(t, c.Nodes[0], n.ID) < 48 {
					elsewhere[served["level"].Text()] = true
				}
				_ = conn.Close()
			}
		}
	}
	if !elsewhere["strong"] || !elsewhere["session"] {
		t.Errorf("replicas answered themselves at the levels %v only", elsewhere)
	}
	bounded := dialAt(t, c.Nodes[1].Plain, "", "BOUNDED", "2s")
	eventual := dialAt(t, c.Nodes[2].Plain, "", "EVENTUAL")
	for i := range 100 {
		do(t, bounded, "GET", key(i))
		if age := last(t, bounded)["age-ms"].Int; age < 0 || age > 2000 {
			t.Errorf("an answer within 2s is said to be %d ms old", age)
		}
		do(t, eventual, "GET", key(i))
		if served := last(t, eventual); served["node"].Int != 3 || served["level"].Text() != "eventual" {
			t.Errorf("an eventual read was answered by node %v at level %v", served["node"].Int, served["level"].Text())
		}
	}
	eventually(t, func() error {
		for i := range 100 {
			if got := do(t, eventual, "GET", key(i)).Text(); got != fmt.Sprint("value ", i) {
				return fmt.Errorf("GET %s is still %q", key(i), got)
			}
		}
		return nil
	})
	rows := do(t, writer, "MGET", key(0), key(1), key(2), key(3)).Elems
	if shards := len(do(t, writer, "KATA", "LAST").Elems); len(rows) != 4 || shards < 2 || shards > 4 {
		t.Errorf("an MGET of four keys took part in %d shards", shards)
	}
}

// TestReadLevelsSurviveLoss: a token keeps its promise when the node that gave it is gone, and when it is back.
func TestReadLevelsSurviveLoss(t *testing.T) {
	for _, way := range []placement.StrongReads{placement.StrongReadsLease, placement.StrongReadsIndex} {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			readLevelsSurviveLoss(t, start(t, localcluster.Options{StrongReads: way}))
		})
	}
}

func readLevelsSurviveLoss(t *testing.T, c *localcluster.Cluster) {
	t.Helper()
	for round := range 3 {
		victim, other := c.Nodes[round], c.Nodes[(round+1)%3]
		value := fmt.Sprint("round ", round)
		writer := dial(t, victim.Plain)
		for i := range manyKeys {
			do(t, writer, "SET", key(i), value)
		}
		token := do(t, writer, "KATA", "SESSION").Text()
		if err := victim.Kill(); err != nil {
			t.Fatal(err)
		}
		wantAll(t, other.Plain, token, value)
		// What the others write while it is away, it must not deny when it is back.
		later := dialAt(t, other.Plain, token, "SESSION")
		for i := range manyKeys {
			eventually(t, func() error {
				_, err := later.Do(t.Context(), "SET", key(i), value+" later")
				return err
			})
		}
		token = do(t, later, "KATA", "SESSION").Text()
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := victim.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		wantAll(t, victim.Plain, token, value+" later")
	}
}

// wantAll reads every key with a token, as soon as somebody answers.
func wantAll(t *testing.T, addr, token, want string) {
	t.Helper()
	for _, level := range readLevels {
		conn := dialAt(t, addr, token, level...)
		for i := range manyKeys {
			var got string
			eventually(t, func() error {
				value, err := conn.Do(t.Context(), "GET", key(i))
				got = value.Text()
				return err
			})
			if got != want {
				t.Fatalf("%s at %v: GET %s is %q, want %q", addr, level, key(i), got, want)
			}
		}
		_ = conn.Close()
	}
}

func TestReadLevelsRefuseTokens(t *testing.T) {
	t.Parallel()
	c, other := start(t, localcluster.Options{Nodes: 1}), start(t, localcluster.Options{Nodes: 1})
	token := func(addr string) string {
		conn := dial(t, addr)
		do(t, conn, "SET", key(1), "x")
		return do(t, conn, "KATA", "SESSION").Text()
	}
	mine := token(c.Nodes[0].Plain)
	forged := []byte(mine)
	forged[len(forged)/2] = map[bool]byte{true: 'B', false: 'A'}[forged[len(forged)/2] == 'A']
	conn := dial(t, c.Nodes[0].Plain)
	for name, tt := range map[string]struct{ token, want string }{
		"forged":  {string(forged), "checksum"},
		"cut":     {mine[:len(mine)-3], "cut"},
		"foreign": {token(other.Nodes[0].Plain), "belongs to cluster"},
		"empty":   {"", "cut short"},
	} {
		_, err := conn.Do(t.Context(), "KATA", "SESSION", tt.token)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "KATA SESSION") {
			t.Errorf("%s: got %v; want an error with %q that says what to do", name, err, tt.want)
		}
	}
	if got := do(t, conn, "KATA", "SESSION", mine).Text(); got != "OK" {
		t.Errorf("the right one: got %q", got)
	}
}

// TestReadLevelsOnTheClusterPort: without READONLY a node redirects as ever; with it, it answers what it has.
func TestReadLevelsOnTheClusterPort(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{})
	do(t, dial(t, c.Nodes[0].Plain), "SET", "key", "value")
	for _, n := range c.Nodes {
		conn := dialAt(t, n.Cluster, "", "EVENTUAL")
		_, err := conn.Do(t.Context(), "GET", "key")
		moved := err != nil && strings.Contains(err.Error(), "MOVED")
		do(t, conn, "READONLY")
		for _, level := range [][]any{{"DEFAULT"}, {"SESSION"}, {"BOUNDED", "1s"}} {
			do(t, conn, append([]any{"KATA", "CONSISTENCY"}, level...)...)
			begun := time.Now()
			if got := do(t, conn, "GET", "key").Text(); got != "value" && level[0] == "DEFAULT" {
				t.Errorf("node %d at %v: got %q", n.ID, level, got)
			}
			if served := last(t, conn); served["node"].Int != int64(n.ID) && time.Since(begun) < 300*time.Millisecond {
				t.Errorf("node %d at %v, redirecting before: %v, let node %d answer", n.ID, level, moved, served["node"].Int)
			}
		}
	}
}
