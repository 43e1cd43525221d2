package faultfs_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/katakv/katakv/internal/faultfs"
)

// roleEnv makes the test binary another process: "mount BACKING DIR" or "sync FILE".
const roleEnv = "KATAKV_TEST_ROLE"

func TestMain(m *testing.M) {
	role := strings.Split(os.Getenv(roleEnv), " ")
	switch role[0] {
	case "mount":
		_, err := faultfs.Mount(role[1], role[2], faultfs.Options{})
		fmt.Println("mounted", err)
		select {}
	case "sync":
		f, err := os.OpenFile(role[1], os.O_RDWR|os.O_CREATE, 0o600)
		fmt.Println("opened", err)
		fmt.Println("synced", f.Sync())
		select {}
	}
	os.Exit(m.Run())
}

// play starts the test binary in a role and waits for its first line.
func play(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasSuffix(line, "<nil>\n") {
		t.Fatalf("%s: got %q and %v", role, line, err)
	}
	return cmd
}

// TestMountOfTheDead kills the process that serves a mount: SweepStale takes that away, and so does the next Mount.
func TestMountOfTheDead(t *testing.T) {
	_, backing := mount(t) // skips where nothing can be mounted
	dir := filepath.Join(t.TempDir(), "a")
	must(t, os.Mkdir(dir, 0o700))
	die := func() {
		t.Helper()
		server := play(t, "mount "+backing+" "+dir)
		must(t, server.Process.Kill())
		_ = server.Wait()
		if _, err := os.ReadDir(dir); !errors.Is(err, syscall.ENOTCONN) {
			t.Fatalf("got %v from the mount of a dead process, want ENOTCONN", err)
		}
	}
	die()
	must(t, faultfs.SweepStale(filepath.Dir(dir)))
	_, err := os.ReadDir(dir)
	must(t, err)
	die()
	disk, err := faultfs.Mount(backing, dir, faultfs.Options{})
	must(t, err)
	must(t, disk.Unmount())
	_, err = os.ReadDir(dir)
	must(t, err)
}

// TestKillDuringStall kills a process whose sync hangs: it must not hang with it.
func TestKillDuringStall(t *testing.T) {
	disk, _ := mount(t)
	disk.Set(faultfs.Faults{StallSyncs: true})
	process := play(t, "sync "+filepath.Join(disk.Dir(), "file"))
	for deadline := time.Now().Add(patience); disk.Counters().Stalled == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the sync does not hang")
		}
	}
	// A signal that does not end it, such as those of Go's runtime, does not end the sync either.
	must(t, process.Process.Signal(syscall.SIGURG))
	time.Sleep(5 * killCheck)
	if disk.Counters().Stalled != 1 {
		t.Error("a signal ended the sync")
	}
	start := time.Now()
	must(t, process.Process.Kill())
	_ = process.Wait()
	if took := time.Since(start); took > patience {
		t.Errorf("it took %v to end", took)
	}
}

// killCheck is longer than the package takes to look at an interrupted caller.
const killCheck = 20 * time.Millisecond

// BenchmarkSyncedWrite compares a write with its sync on the mount and beneath.
func BenchmarkSyncedWrite(b *testing.B) {
	if faultfs.Available() != nil {
		b.Skip("cannot mount here")
	}
	backing := b.TempDir()
	disk, err := faultfs.Mount(backing, b.TempDir(), faultfs.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := disk.Unmount(); err != nil {
			b.Error(err)
		}
	})
	for _, at := range []struct{ name, dir string }{{"beneath", backing}, {"mounted", disk.Dir()}} {
		b.Run(at.name, func(b *testing.B) {
			f, err := os.Create(filepath.Join(at.dir, at.name))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			block := make([]byte, 4096)
			if _, err := f.WriteAt(make([]byte, 1<<20), 0); err != nil || f.Sync() != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				if _, err := f.WriteAt(block, int64(i%256)*4096); err != nil {
					b.Fatal(err)
				}
				if err := unix.Fdatasync(int(f.Fd())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
