package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/faultfs"
	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/powercut"
	"github.com/katakv/katakv/internal/require"
)

// counting sets one key after the other through one node and knows which were acknowledged.
type counting struct {
	addr  string
	acked []int
	next  int
}

// run writes until stop is closed, over a connection anew after each that broke.
func (c *counting) run(t *testing.T, stop <-chan struct{}) {
	t.Helper()
	var conn *client.Conn
	for ; ; c.next++ {
		select {
		case <-stop:
			return
		default:
		}
		if conn == nil || conn.Err() != nil {
			fresh, err := client.Dial(t.Context(), c.addr, client.Options{Timeout: patience})
			if err != nil {
				time.Sleep(20 * time.Millisecond)
				continue
			}
			conn = fresh
			defer fresh.Close()
		}
		if _, err := conn.Do(t.Context(), "SET", c.key(c.next), c.next); err == nil {
			c.acked = append(c.acked, c.next)
		}
	}
}

func (c *counting) key(i int) string { return fmt.Sprintf("counting:%d", i) }

// check reads every acknowledged value through a node.
func (c *counting) check(t *testing.T, n *localcluster.Node) {
	t.Helper()
	conn := dial(t, n.Plain)
	for _, i := range c.acked {
		eventually(t, func() error {
			value, err := conn.Do(t.Context(), "GET", c.key(i))
			if err == nil && value.Text() != fmt.Sprint(i) {
				t.Fatalf("%s was acknowledged and reads %v at node %d", c.key(i), value, n.ID)
			}
			return err
		})
	}
}

// during writes through a node while f runs, and returns what was written.
func during(t *testing.T, n *localcluster.Node, f func()) *counting {
	t.Helper()
	c := &counting{addr: n.Plain}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c.run(t, stop)
	}()
	defer func() { <-done }()
	defer close(stop)
	f()
	return c
}

// TestFaultyDisk runs a node on a disk that stops to sync and forgets what it did not: the node must stop, and refuse
// to start again even though not one sync of its marker went through. Somebody who takes the marker away all the same
// finds nothing missing that was acknowledged. A disk that only hangs must not stop the node.
func TestFaultyDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	require.Root(t)
	require.Available(t, faultfs.Available())
	dir := t.TempDir()
	disk := faultyDisk(t, filepath.Join(dir, "node-2", "data"))
	c := start(t, localcluster.Options{Dir: dir, Shards: 6})
	sound, faulty := c.Nodes[0], c.Nodes[1]
	written := during(t, sound, func() {
		time.Sleep(time.Second)
		disk.Set(faultfs.Faults{StallSyncs: true})
		time.Sleep(time.Second)
		disk.Clear()
		time.Sleep(time.Second)
		if !faulty.Running() {
			t.Fatalf("the node did not survive a disk that hung for a second: %s", faulty.LogTail())
		}
		disk.Set(faultfs.Faults{FailSyncs: faultfs.Forever, DropUnsynced: true})
		select {
		case <-faulty.Done():
		case <-time.After(patience):
			t.Fatal("the node runs on although its disk does not sync")
		}
		disk.Clear()
		time.Sleep(time.Second)
	})
	t.Logf("acknowledged %d writes; the disk: %+v; the node's last words: %s", len(written.acked), disk.Counters(), lastLine(faulty))
	for range 2 {
		wantFailure(t, 1, "let the node rejoin the cluster as a new one on a sound disk", faulty.Args()...)
	}
	if err := os.Remove(filepath.Join(faulty.Data, "FAILED")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := faulty.Restart(); err != nil {
			t.Fatal(err)
		}
		waitReady(t, c)
		written.check(t, faulty)
	}
	sameChecksums(t, c)
}

// cuttableDisk makes a disk for a node.
func cuttableDisk(t *testing.T, dir string) *powercut.Disk {
	t.Helper()
	disk, err := powercut.Create(dir, powercut.Options{SizeMiB: 600})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	return disk
}

// faultyDisk mounts a disk for a node that fails when it is told to.
func faultyDisk(t *testing.T, dir string) *faultfs.FS {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	disk, err := faultfs.Mount(t.TempDir(), dir, faultfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return disk
}

// TestPowerCut takes the power of all nodes' disks away at once.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	require.Root(t)
	require.Tool(t, "mkfs.ext4")
	require.Available(t, powercut.Available())
	dir := t.TempDir()
	disks := make([]*powercut.Disk, 3)
	for i := range disks {
		disks[i] = cuttableDisk(t, filepath.Join(dir, fmt.Sprintf("node-%d", i+1)))
	}
	c := start(t, localcluster.Options{Dir: dir, Shards: 6})
	for range 2 {
		written := during(t, c.Nodes[0], func() {
			time.Sleep(2 * time.Second)
			// The processes first: a sync in flight during the cut may be called a success (see powercut).
			for _, n := range c.Nodes {
				if err := n.BeginKill(); err != nil && n.Running() {
					t.Fatal(err)
				}
			}
			for _, disk := range disks {
				if err := disk.Cut(); err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range c.Nodes {
				if err := n.Kill(); err != nil && n.Running() {
					t.Fatal(err)
				}
			}
		})
		var failed error
		for _, disk := range disks {
			failed = errors.Join(failed, disk.Restore())
		}
		if failed != nil {
			t.Fatal(failed)
		}
		startAll(t, c)
		waitReady(t, c)
		t.Logf("acknowledged %d writes", len(written.acked))
		for _, n := range c.Nodes {
			written.check(t, n)
		}
	}
	sameChecksums(t, c)
}
