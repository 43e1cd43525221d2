package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/localcluster"
)

// logBatch is where one batch of a Raft log lies in its segment file; the format is drawn in docs/formats.md and
// read once more here, so that a change of it is noticed.
type logBatch struct {
	offset, end int64
	records     int64 // bytes behind the batch's header
}

// readBatches returns the batches of a node's newest segment.
func readBatches(t *testing.T, n *localcluster.Node) (path string, batches []logBatch) {
	t.Helper()
	const segmentHeader, batchHeader = 64, 40
	paths, err := filepath.Glob(filepath.Join(n.Data, "log-0", "*.raftlog"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no segments of a log in %s: %v", n.Data, err)
	}
	path = slices.Max(paths)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := segmentHeader; at+batchHeader <= len(data) && string(data[at:at+4]) == "KRLB"; {
		if binary.LittleEndian.Uint64(data[at+24:]) != uint64(at) {
			break // left from the segment's earlier life
		}
		records := int(binary.LittleEndian.Uint32(data[at+8:]))
		batches = append(batches, logBatch{offset: int64(at), end: int64(at + batchHeader + records), records: int64(records)})
		at += batchHeader + records
	}
	return path, batches
}

// stopIdle waits until the node's log says that everything in it is synced, and kills the node.
func stopIdle(t *testing.T, n *localcluster.Node) (path string, batches []logBatch) {
	t.Helper()
	eventually(t, func() error {
		if !n.Running() {
			if err := n.Start(); err != nil {
				return err
			}
		}
		if err := endsIdle(t, n); err != nil {
			return err
		}
		if err := n.Kill(); err != nil {
			return err
		}
		return endsIdle(t, n) // a batch may have come between the look and the kill: it would be one that counts
	})
	return readBatches(t, n)
}

// endsIdle returns an error unless the log of n ends in a batch without records.
func endsIdle(t *testing.T, n *localcluster.Node) error {
	t.Helper()
	_, batches := readBatches(t, n)
	if len(batches) < 3 || batches[len(batches)-1].records != 0 {
		return fmt.Errorf("the log of node %d has %d batches and does not end in an empty one", n.ID, len(batches))
	}
	return nil
}

// overwrite changes bytes of a file in place.
func overwrite(t *testing.T, path string, offset int64, data []byte) (before []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before = make([]byte, len(data))
	if _, err := f.ReadAt(before, offset); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data, offset); err != nil {
		t.Fatal(err)
	}
	return before
}

// TestCorruptedLogByte changes one byte in the middle of a node's log while all nodes are down. That node refuses
// to start, and the others lose nothing.
func TestCorruptedLogByte(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Shards: 4})
	writeAll(t, c.Nodes[0].Plain, "kept ")
	victim := c.Nodes[0]
	path, batches := stopIdle(t, victim)
	for _, n := range c.Nodes[1:] {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	middle := batches[len(batches)/2]
	at := middle.offset + (middle.end-middle.offset)/2
	sound := overwrite(t, path, at, []byte{0})
	overwrite(t, path, at, []byte{sound[0] ^ 0x10})
	damaged := fileSums(t, victim.Data)

	startAll(t, c)
	<-victim.Done()
	log := victim.LogTail()
	for _, words := range []string{path, fmt.Sprintf("at offset %d", middle.offset), "checksum does not match", "rejoin as a new node"} {
		if !strings.Contains(log, words) {
			t.Errorf("the node does not say %q on its end:\n%s", words, log)
		}
	}
	if !sameFiles(damaged, fileSums(t, victim.Data)) {
		t.Error("the start that was refused has changed the log or the state")
	}
	waitReady(t, c)
	for _, n := range c.Nodes[1:] {
		readAll(t, n.Plain, "kept ")
	}
	writeAll(t, c.Nodes[1].Plain, "new ")
	readAll(t, c.Nodes[2].Plain, "new ")

	// With the byte as it was, the node is sound: nothing else was touched.
	overwrite(t, path, at, sound)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	waitReady(t, c)
	readAll(t, victim.Plain, "new ")
	sameChecksums(t, c)
}

// TestDamagedIdentity damages the file that says whose directory this is, and takes it away: the data beside it must
// never pass for nothing.
func TestDamagedIdentity(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Nodes: 1, Shards: 2})
	victim := c.Nodes[0]
	writeAll(t, victim.Plain, "kept ")
	if err := victim.Terminate(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(victim.Data, "IDENTITY")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cores := int64(bytes.Index(sound, []byte(`"cores": 1`)) + len(`"cores": `))
	overwrite(t, path, cores, []byte("3"))
	before := fileSums(t, victim.Data)
	wantFailure(t, 1, "IDENTITY is damaged (its checksum does not match)", victim.Args()...)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, 1, "no valid IDENTITY", victim.Args()...)
	if !sameFiles(before, fileSums(t, victim.Data)) {
		t.Error("the starts that were refused have changed something")
	}
	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	waitReady(t, c)
	readAll(t, victim.Plain, "kept ")
}

// TestTornLogTail cuts and smears what stands behind the last synced byte of a log: the node goes on.
func TestTornLogTail(t *testing.T) {
	t.Parallel()
	c := start(t, localcluster.Options{Shards: 4})
	writeAll(t, c.Nodes[0].Plain, "kept ")
	tears := []struct {
		name string
		tear func(path string, last logBatch) error
	}{
		{"the file ends within the last batch", func(path string, last logBatch) error {
			return os.Truncate(path, last.offset+20)
		}},
		{"the last batch is half zeroes", func(path string, last logBatch) error {
			overwrite(t, path, last.offset+20, make([]byte, 20))
			return nil
		}},
		{"garbage follows the last batch", func(path string, last logBatch) error {
			overwrite(t, path, last.end, bytes.Repeat([]byte{0xa5, 0x5a, 0x17}, 1000))
			return nil
		}},
	}
	for i, tear := range tears {
		victim := c.Nodes[i]
		path, batches := stopIdle(t, victim)
		if err := tear.tear(path, batches[len(batches)-1]); err != nil {
			t.Fatal(err)
		}
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		waitReady(t, c)
		if !victim.Running() {
			t.Fatalf("%s: node %d did not start: %s", tear.name, victim.ID, victim.LogTail())
		}
		readAll(t, victim.Plain, "kept ")
		do(t, dial(t, victim.Plain), "SET", "after tear", i)
		sameChecksums(t, c)
	}
}

// TestCorruptedStateFile changes bytes in a node's tables. Whoever reads them is never told a wrong value:
// the node stops, says why, and refuses to start again; the others lose nothing.
func TestCorruptedStateFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		nodes int // of one, the node leads everything, and clients' reads meet the damage
		meet  func(t *testing.T, all *bulk, victim *localcluster.Node)
	}{
		{"a read of a client", 1, func(t *testing.T, all *bulk, victim *localcluster.Node) {
			if err := firstDifference(t, all, victim.Plain); err == nil || strings.Contains(err.Error(), "differs") {
				t.Errorf("got %v, want a failed read", err)
			}
		}},
		{"a checksum over everything", 3, func(t *testing.T, _ *bulk, victim *localcluster.Node) {
			var answer any
			if err := admin.Fetch(t.Context(), victim.HTTP, "/v1/checksums", &answer); err == nil {
				t.Errorf("got %v, want an error", answer)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// With little memory, tables are written early.
			c := start(t, localcluster.Options{Nodes: test.nodes, Shards: 4, ServeArgs: []string{"--memory", "384MiB", "--log-level", "debug"}})
			all := &bulk{count: 300, valueBytes: 10_000, prefix: "table:", seed: 7}
			all.write(t, c.Nodes...)
			victim := c.Nodes[0]
			damageTables(t, c, victim)
			startAll(t, c)
			waitReadyOrEnded(t, c, victim)
			if victim.Running() {
				test.meet(t, all, victim)
			}
			select {
			case <-victim.Done():
			case <-time.After(patience):
				t.Fatal("the node with the damaged table neither ends nor says why")
			}
			log := lastLine(victim)
			for _, words := range []string{"katakv: ", "corrupt file ", ".sst: ", "checksum mismatch"} {
				if !strings.Contains(log, words) {
					t.Errorf("the node does not say %q in its last words: %q", words, log)
				}
			}
			wantFailure(t, 1, "rejoin the cluster as a new one", victim.Args()...)
			if sound := c.Nodes[1:]; len(sound) > 0 {
				eventually(t, func() error { return firstDifference(t, all, sound[0].Plain) })
				all.read(t, sound...)
			}
		})
	}
}

// damageTables kills all nodes once the victim has a table worth damaging, and damages it all over.
func damageTables(t *testing.T, c *localcluster.Cluster, victim *localcluster.Node) {
	t.Helper()
	filler := &bulk{count: 100, valueBytes: 10_000, prefix: "filler:"}
	flushed := regexp.MustCompile(`msg=flushed inputBytes=[0-9]{7,}`) // a table is in use only once it is whole
	eventually(t, func() error {
		log, err := os.ReadFile(victim.Log)
		if err == nil && !flushed.Match(log) {
			filler.write(t, victim) // until the first memtable is full: with one table only, nothing is compacted
			err = errors.New("no memtable was flushed yet")
		}
		return err
	})
	killAll(t, c)
	tables, err := filepath.Glob(filepath.Join(victim.Data, "state", "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tables { // one of them may not have been whole; the start removes it
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		const step = 64 << 10 // not in the index behind all blocks: the table opens, and its blocks are read later
		for at := int64(step); at < info.Size()*9/10; at += step {
			overwrite(t, path, at, []byte("damage in the middle of a table"))
		}
	}
}

// TestForeignDirectoryChangesNothing starts a node with the directory of another cluster at its address: both
// sides say so, and the directory serves at home afterwards as if nothing had been.
func TestForeignDirectoryChangesNothing(t *testing.T) {
	t.Parallel()
	ours, theirs := start(t, localcluster.Options{Shards: 2}), start(t, localcluster.Options{Nodes: 1, Shards: 2})
	writeAll(t, ours.Nodes[0].Plain, "ours ")
	writeAll(t, theirs.Nodes[0].Plain, "theirs ")
	place, stranger := ours.Nodes[0], theirs.Nodes[0]
	if err := place.Terminate(); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Terminate(); err != nil {
		t.Fatal(err)
	}
	rename(t, place.Data, place.Data+".kept")
	rename(t, stranger.Data, place.Data)
	if err := place.Start(); err != nil {
		t.Fatal(err)
	}
	for _, n := range ours.Nodes {
		waitForLog(t, n, "part of cluster") // and which one it wanted
	}
	for _, n := range ours.Nodes[1:] {
		readAll(t, n.Plain, "ours ")
	}
	writeAll(t, ours.Nodes[1].Plain, "still ours ")
	// It serves its own cluster there, of which it is the only node.
	readAll(t, place.Plain, "theirs ")
	if err := place.Terminate(); err != nil {
		t.Fatal(err)
	}

	rename(t, place.Data, stranger.Data)
	rename(t, place.Data+".kept", place.Data)
	if err := place.Start(); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	waitReady(t, ours)
	waitReady(t, theirs)
	readAll(t, place.Plain, "still ours ")
	readAll(t, stranger.Plain, "theirs ")
	sameChecksums(t, ours)
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// waitReadyOrEnded waits until every node is ready, of which one may end instead.
func waitReadyOrEnded(t *testing.T, c *localcluster.Cluster, mayEnd *localcluster.Node) {
	t.Helper()
	eventually(t, func() error {
		for _, n := range c.Nodes {
			if n == mayEnd && !n.Running() {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := n.Ready(ctx)
			cancel()
			if err != nil && (n != mayEnd || n.Running()) {
				return err
			}
		}
		return nil
	})
}

// firstDifference reads every key through one node and returns the first error: one that says "differs" if a value
// is not what was written.
func firstDifference(t *testing.T, all *bulk, addr string) error {
	t.Helper()
	conn, err := client.Dial(t.Context(), addr, client.Options{})
	if err != nil {
		return err
	}
	defer conn.Close()
	var first error
	for i := range all.count {
		value, err := conn.Do(t.Context(), "GET", all.key(i))
		if err == nil && !bytes.Equal(value.Bytes, all.value(i)) {
			return fmt.Errorf("%s read from %s differs from what was written: %v", all.key(i), addr, value)
		}
		if first == nil {
			first = err
		}
		if conn.Err() != nil {
			break
		}
	}
	return first
}

// lastLine returns what a node that has ended said last.
func lastLine(n *localcluster.Node) string {
	lines := strings.Split(strings.TrimSpace(n.LogTail()), "\n")
	return lines[len(lines)-1]
}

// fileSums returns the contents of what holds data in a directory: the log and the tables.
func fileSums(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".raftlog") && !strings.HasSuffix(path, ".sst") {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameFiles reports whether every file of before is there unchanged.
func sameFiles(before, after map[string][]byte) bool {
	for path, data := range before {
		if !bytes.Equal(after[path], data) {
			return false
		}
	}
	return true
}
