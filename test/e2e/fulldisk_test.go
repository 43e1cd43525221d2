package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

// diskFull is how a node refuses a write while its disk is nearly full, word for word.
const diskFull = "MISCONF the disk of the node that leads this slot is nearly full, writes are refused: free space there, then retry"

// smallDisk mounts a file system of its own for the test.
func smallDisk(t *testing.T, mib int, at string) {
	t.Helper()
	require.Root(t)
	mkfs := require.Tool(t, "mkfs.ext4")
	mount, umount := require.Tool(t, "mount"), require.Tool(t, "umount")
	image := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, int64(mib)<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, "-q", "-m", "0", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	if out, err := exec.Command(mount, "-o", "loop", image, at).CombinedOutput(); err != nil {
		require.Available(t, fmt.Errorf("a file cannot be mounted as a disk here: %w: %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command(umount, at).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
}

// takeSpace fills part of a disk with a file of its own, and returns how to give the space back.
func takeSpace(t *testing.T, dir string, bytes int64) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Fallocate(int(f.Fd()), 0, 0, bytes), f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// filling writes values and knows which of them were acknowledged.
type filling struct {
	*bulk
	acked []int
	next  int
}

// untilRefused writes on through a node until a write fails, and returns that failure.
func (f *filling) untilRefused(t *testing.T, addr string) error {
	t.Helper()
	conn := dial(t, addr)
	for ; f.next < f.count; f.next++ {
		if _, err := conn.Do(t.Context(), "SET", f.key(f.next), f.value(f.next)); err != nil {
			return err
		}
		f.acked = append(f.acked, f.next)
	}
	return nil
}

// onAndOn writes all values through a node, whatever becomes of each.
func (f *filling) onAndOn(t *testing.T, addr string) {
	t.Helper()
	conn := dial(t, addr)
	for i := range f.count {
		_, err := conn.Do(t.Context(), "SET", f.key(i), f.value(i))
		if err == nil {
			f.acked = append(f.acked, i)
		} else if conn.Err() != nil {
			t.Fatal(err)
		}
	}
}

// check reads every acknowledged value through one node. A leader may be lost meanwhile.
func (f *filling) check(t *testing.T, addr string) {
	t.Helper()
	conn := dial(t, addr)
	for _, i := range f.acked {
		var got []byte
		eventually(t, func() error {
			value, err := conn.Do(t.Context(), "GET", f.key(i))
			got = value.Bytes
			return err
		})
		if !bytes.Equal(got, f.value(i)) {
			t.Fatalf("%s was acknowledged and reads differently at %s: %d bytes", f.key(i), addr, len(got))
		}
	}
}

// untilAllRefused writes on through a node until a disk that all nodes share stays full: flushes and compactions
// give some of it back after the first refusals. At the end the other node accepts no write either.
func (f *filling) untilAllRefused(t *testing.T, addr, other string) {
	t.Helper()
	conn := dial(t, other)
	eventually(t, func() error {
		if err := f.untilRefused(t, addr); err == nil || err.Error() != diskFull {
			t.Fatalf("after %d values: got %v, want %s", len(f.acked), err, diskFull)
		}
		for i := range manyKeys {
			_, err := conn.Do(t.Context(), "SET", key(i), "refused")
			if err == nil {
				return fmt.Errorf("%s was written at %s", key(i), other)
			}
			if err.Error() != diskFull {
				t.Fatalf("got %q, want %q", err, diskFull)
			}
		}
		return nil
	})
}

// waitAccepted waits until a node takes writes to every shard.
func waitAccepted(t *testing.T, addr string) {
	t.Helper()
	conn := dial(t, addr)
	for i := range manyKeys {
		eventually(t, func() error {
			_, err := conn.Do(t.Context(), "SET", key(i), "accepted")
			return err
		})
	}
}

// TestFullDisk fills the disk that all nodes share, and that of one node only.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	t.Run("of all nodes", func(t *testing.T) {
		t.Parallel()
		fullDiskOfAll(t)
	})
	t.Run("of one node", func(t *testing.T) {
		t.Parallel()
		fullDiskOfOne(t)
	})
}

func fullDiskOfAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	smallDisk(t, 1024, dir)
	free := takeSpace(t, dir, 400<<20)
	c := start(t, localcluster.Options{Dir: dir, Shards: 6})
	f := &filling{bulk: &bulk{count: 1 << 20, valueBytes: 64 << 10, prefix: "fill:", seed: 3}}
	f.untilAllRefused(t, c.Nodes[0].Plain, c.Nodes[1].Plain)
	figure(t, "values of 64 KiB until the disk of all was full", float64(len(f.acked)), "")
	for _, n := range c.Nodes {
		f.check(t, n.Plain) // reads go on
		if !n.Running() {
			t.Fatalf("node %d has ended: %s", n.ID, n.LogTail())
		}
	}
	free()
	waitAccepted(t, c.Nodes[1].Plain)
	killAll(t, c)
	startAll(t, c)
	waitReady(t, c)
	f.check(t, c.Nodes[2].Plain)
	waitAccepted(t, c.Nodes[0].Plain)
	sameChecksums(t, c)
}

func fullDiskOfOne(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "node-1")
	smallDisk(t, 300, home)
	c := start(t, localcluster.Options{Dir: dir, Shards: 6})
	poor, rich := c.Nodes[0], c.Nodes[1]
	free := takeSpace(t, home, 150<<20)
	f := &filling{bulk: &bulk{count: 1 << 20, valueBytes: 16 << 10, prefix: "fill:", seed: 4}}
	if err := f.untilRefused(t, rich.Plain); err == nil || err.Error() != diskFull {
		t.Errorf("after %d values: got %v, want %s", len(f.acked), err, diskFull)
	}
	figure(t, "values of 16 KiB until the disk of one was full", float64(len(f.acked)), "")
	waitForLog(t, poor, "the disk is nearly full: writes are refused")
	f.check(t, poor.Plain)

	// The others' shards go on. The poor node follows them as long as it can, then stops in good order.
	rounds := []*filling{f}
	for deadline := time.Now().Add(patience); poor.Running(); {
		if time.Now().After(deadline) {
			t.Fatal("the node with the full disk runs still")
		}
		more := &filling{bulk: &bulk{count: 100, valueBytes: 16 << 10, prefix: fmt.Sprintf("more:%d:", len(rounds)), seed: 5}}
		more.onAndOn(t, rich.Plain)
		rounds = append(rounds, more)
	}
	if last := lastLine(poor); !strings.Contains(last, "free space, then start the node again") {
		t.Errorf("the last words of the node with the full disk do not say what to do: %q", last)
	}
	waitAccepted(t, rich.Plain)
	free()
	if err := poor.Start(); err != nil {
		t.Fatal(err)
	}
	waitReady(t, c)
	for _, round := range rounds {
		round.check(t, poor.Plain)
	}
	waitAccepted(t, poor.Plain)
	sameChecksums(t, c)
}
