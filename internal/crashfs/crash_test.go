package crashfs_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/katakv/katakv/internal/crashfs"
)

// TestSameSeedSameBytes repeats runs with several crashes in a row.
func TestSameSeedSameBytes(t *testing.T) {
	const repetitions = 50
	run := func(seed uint64) string {
		disk := crashfs.New()
		s := &script{t: t, rng: rand.New(rand.NewPCG(seed, 2)), disks: []vfs.FS{disk}}
		s.setup()
		for range 4 {
			for range 40 {
				s.step()
			}
			disk = disk.Crash(crashfs.KeepSome, s.rng)
			must(t, disk.MkdirAll("c", 0o755))
			s.disks[0] = disk
		}
		return fmt.Sprint(contents(t, disk, ""))
	}
	for seed := range uint64(2) {
		want := run(seed)
		for range repetitions {
			if got := run(seed); got != want {
				t.Fatalf("seed %d: two runs differ", seed)
			}
		}
		if run(seed+100) == want {
			t.Errorf("seed %d: another seed gives the same", seed)
		}
	}
}

// TestSyncedSurvives crashes at random moments. A file whose name is durable must be there, at least as long as when
// it was synced, and every byte must be the durable one, or the one written since, or zero beyond the durable length.
func TestSyncedSurvives(t *testing.T) {
	crashes := 0
	for seed := range uint64(30) {
		disk := crashfs.New()
		s := &script{t: t, rng: rand.New(rand.NewPCG(seed, 3)), disks: []vfs.FS{disk}, noRemoval: true}
		s.setup()
		for range 100 {
			s.step()
			if s.rng.IntN(8) > 0 {
				continue
			}
			crashes++
			synced := contents(t, disk.Crash(crashfs.KeepSynced, nil), "")
			now := contents(t, disk, "")
			left := disk.Crash(crashfs.KeepSome, s.rng)
			got := contents(t, left, "")
			for name, data := range synced {
				if _, ok := got[name]; !ok {
					t.Fatalf("seed %d: %s is gone", seed, name)
				}
				checkBytes(t, fmt.Sprintf("seed %d: %s", seed, name), got[name], data, now[name])
			}
			for name := range got {
				if _, ok := now[name]; !ok {
					t.Fatalf("seed %d: %s appeared from nowhere", seed, name)
				}
			}
			wantSame(t, "the file system left behind", contents(t, disk, ""), now)
			wantSame(t, "crashed again", contents(t, left.Crash(crashfs.KeepSynced, nil), ""), got)
			if s.rng.IntN(4) == 0 {
				disk, s.disks[0] = left, left
			}
		}
	}
	t.Logf("%d crashes", crashes)
}

func checkBytes(t *testing.T, what, got, synced, now string) {
	t.Helper()
	if len(got) < len(synced) || len(got) > len(now) {
		t.Fatalf("%s: %d bytes, %d were synced and %d written", what, len(got), len(synced), len(now))
	}
	for i := range len(got) {
		switch {
		case got[i] == now[i], i < len(synced) && got[i] == synced[i], i >= len(synced) && got[i] == 0:
		default:
			t.Fatalf("%s: byte %d is neither old nor new", what, i)
		}
	}
}

// TestEachLossOccurs counts what becomes of an overwritten file, an appended one, and names.
func TestEachLossOccurs(t *testing.T) {
	const seeds, size = 1500, 6 * 4096
	counts := map[string]int{}
	for seed := range uint64(seeds) {
		disk := crashfs.New()
		must(t, disk.MkdirAll("d", 0o755))
		syncDir(t, disk, "/")
		write(t, disk, "d/over", strings.Repeat("o", size), 0, true)
		write(t, disk, "d/more", strings.Repeat("o", 5000), 0, true)
		write(t, disk, "d/from", "moves", 0, true)
		write(t, disk, "d/old", "goes", 0, true)
		syncDir(t, disk, "d")
		write(t, disk, "d/over", strings.Repeat("n", size), 0, false)
		write(t, disk, "d/more", strings.Repeat("n", size), 5000, false)
		write(t, disk, "d/fresh", "never synced", 0, false)
		write(t, disk, "d/new", "whole", 0, true)
		write(t, disk, "d/new2", "", 0, true)
		must(t, disk.Rename("d/from", "d/to"))
		must(t, disk.Remove("d/old"))
		got := contents(t, disk.Crash(crashfs.KeepSome, rand.New(rand.NewPCG(seed, 4))), "")
		counts["overwritten: "+classify(got["d/over"])]++
		counts["appended: "+classify(got["d/more"][5000:])]++
		countNames(t, got, counts)
	}
	t.Log(counts)
	for _, kind := range []string{
		"overwritten: old", "overwritten: new", "overwritten: torn page", "overwritten: head of pages",
		"overwritten: pages out of order", "appended: none", "appended: new", "appended: zeroes",
		"appended: torn page", "appended: head of pages", "appended: pages out of order", "appended: shorter",
		"new", "new without fresh", "renamed", "not renamed", "removed", "not removed",
	} {
		if counts[kind] < seeds/200 {
			t.Errorf("%s: %d of %d crashes", kind, counts[kind], seeds)
		}
	}
}

func countNames(t *testing.T, got map[string]string, counts map[string]int) {
	t.Helper()
	has := func(name string) bool {
		_, ok := got[name]
		return ok
	}
	if has("d/from") == has("d/to") || got["d/from"]+got["d/to"] != "moves" {
		t.Fatalf("a rename is half done: %v", got)
	}
	if has("d/new") {
		counts["new"]++
		if got["d/new"] != "whole" {
			t.Fatalf("a synced file is there with %q", got["d/new"])
		}
		if !has("d/fresh") {
			counts["new without fresh"]++
		}
	} else if has("d/new2") {
		t.Fatal("the name of a synced file is lost, and a later one is there")
	}
	if has("d/to") {
		counts["renamed"]++
	} else {
		counts["not renamed"]++
		if !has("d/old") {
			t.Fatal("a removal survived without the rename before it")
		}
	}
	if has("d/old") {
		counts["not removed"]++
	} else {
		counts["removed"]++
	}
}

// TestRenameIsAtomic moves a durable file to another directory: whatever is synced then, one of its names remains, and
// after a sync of either directory the new one.
func TestRenameIsAtomic(t *testing.T) {
	for _, synced := range []string{"", "a", "b"} {
		for seed := range uint64(200) {
			disk := crashfs.New()
			must(t, errors.Join(disk.MkdirAll("a", 0o755), disk.MkdirAll("b", 0o755)))
			syncDir(t, disk, "/")
			write(t, disk, "a/x", "data", 0, true)
			syncDir(t, disk, "a")
			write(t, disk, "b/other", "", 0, true)
			must(t, disk.Rename("a/x", "b/y"))
			if synced != "" {
				syncDir(t, disk, synced)
			}
			got := contents(t, disk.Crash(crashfs.KeepSome, rand.New(rand.NewPCG(seed, 6))), "")
			old, renamed := got["a/x"], got["b/y"]
			if old+renamed != "data" || synced != "" && renamed == "" {
				t.Fatalf("seed %d, synced %q: got %v", seed, synced, got)
			}
		}
	}
}

// TestLinksStayOneFile: a file with two names is one file after a crash too, and its synced data is there under a name
// that survives though it was not synced itself.
func TestLinksStayOneFile(t *testing.T) {
	disk := crashfs.New()
	write(t, disk, "a", "durable", 0, true)
	must(t, disk.Link("a", "b"))
	for _, keep := range []crashfs.Keep{crashfs.KeepSome, crashfs.KeepAll} {
		both := 0
		for seed := range uint64(100) {
			left := disk.Crash(keep, rand.New(rand.NewPCG(seed, 7)))
			got := contents(t, left, "")
			for name, data := range got {
				if data != "durable" {
					t.Fatalf("%s: got %q", name, data)
				}
			}
			if len(got) == 2 {
				both++
				write(t, left, "a", "D", 0, false)
				wantSame(t, "one file", contents(t, left, ""), map[string]string{"a": "Durable", "b": "Durable"})
			}
		}
		if both == 0 {
			t.Error("never both names")
		}
	}
}

// classify names the mixture of old bytes 'o', new bytes 'n' and zeroes.
func classify(data string) string {
	switch pages := strings.TrimRight(data, "\x00o"); {
	case data == "":
		return "none"
	case strings.Trim(data, "\x00") == "":
		return "zeroes"
	case pages == "":
		return "old"
	case len(pages) == len(data) && strings.Trim(data, "n") == "" && len(data) < 20000:
		return "shorter"
	case strings.Trim(data, "n") == "":
		return "new"
	case strings.Trim(pages, "n") == "" && (len(pages)%4096 == 0 || (len(pages)+5000)%4096 == 0):
		return "head of pages"
	case strings.Trim(pages, "n") == "":
		return "torn page"
	}
	return "pages out of order"
}

// TestFlipBit checks that exactly one bit changes, on every byte sooner or later.
func TestFlipBit(t *testing.T) {
	disk := crashfs.New()
	must(t, disk.MkdirAll("d", 0o755))
	write(t, disk, "d/a", strings.Repeat("a", 5), 0, true)
	write(t, disk, "d/b", strings.Repeat("b", 5000), 0, true)
	write(t, disk, "d/other", "other", 0, true)
	write(t, disk, "d/unsynced", "b", 0, false)
	syncDir(t, disk, "/")
	syncDir(t, disk, "d")
	match := func(name string) bool { return name != "d/other" }
	files := map[string]int{}
	for seed := range uint64(5000) {
		before := contents(t, disk, "")
		copied := disk.Clone()
		name, offset, ok := copied.FlipBit(rand.New(rand.NewPCG(seed, 5)), match)
		if !ok {
			t.Fatal("nothing was flipped")
		}
		files[name]++
		after := contents(t, copied, "")
		changed := after[name][offset] ^ before[name][offset]
		if changed == 0 || changed&(changed-1) != 0 {
			t.Fatalf("%s byte %d: got %x, was %x", name, offset, after[name][offset], before[name][offset])
		}
		after[name] = after[name][:offset] + before[name][offset:offset+1] + after[name][offset+1:]
		wantSame(t, "all the rest", after, before)
		wantSame(t, "the original", contents(t, disk, ""), before)
	}
	if len(files) != 2 || files["d/a"] == 0 {
		t.Errorf("flipped %v", files)
	}
	if _, _, ok := disk.FlipBit(rand.New(rand.NewPCG(1, 1)), func(string) bool { return false }); ok {
		t.Error("flipped a bit of no file")
	}
}

// TestFlipUnderDirty flips a page that was written again: only a crash shows it.
func TestFlipUnderDirty(t *testing.T) {
	disk := crashfs.New()
	write(t, disk, "a", "old", 0, true)
	syncDir(t, disk, "/")
	write(t, disk, "a", "new", 0, false)
	_, _, ok := disk.FlipBit(rand.New(rand.NewPCG(1, 1)), func(string) bool { return true })
	if got := contents(t, disk, "")["a"]; !ok || got != "new" {
		t.Errorf("got %q, %v", got, ok)
	}
	if got := contents(t, disk.Crash(crashfs.KeepSynced, nil), "")["a"]; got == "old" || len(got) != 3 {
		t.Errorf("after the crash: got %q", got)
	}
}
