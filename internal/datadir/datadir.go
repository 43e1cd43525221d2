package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

const (
	lockName     = "LOCK"
	identityName = "IDENTITY"
	mapName      = "MAP"
	failedName   = "FAILED"

	// fsckName is in the root of every fresh ext file system: a disk of its own may be the data directory.
	fsckName = "lost+found"

	// formatVersion is the version of the directory's layout; another one is refused.
	formatVersion = 1
)

// Identity says whose directory this is. The zero value belongs to no cluster.
type Identity struct {
	Format  int              `json:"format"`
	Cluster katakv.ClusterID `json:"cluster,string"`
	Node    katakv.NodeID    `json:"node"`
	Cores   int              `json:"cores"`
	// Active is false between the two steps of a bootstrap: the node knows its place, but not yet that every
	// other node does. It must not take part before.
	Active bool          `json:"active"`
	Boot   katakv.BootID `json:"boot"`
}

// Empty reports whether the directory belongs to no cluster.
func (id *Identity) Empty() bool { return id.Node == 0 }

// Dir is an open data directory.
type Dir struct {
	path     string
	lock     *os.File
	identity Identity
}

// Open takes the directory at path for this process alone, creating it when absent. It fails when another
// process has it, when its format is not ours, or when a marker says that its disk failed.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	d := &Dir{path: path}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) acquire() error {
	lock, err := os.OpenFile(d.file(lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open lock of data directory %s: %w", d.path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("data directory %s is in use by another process: stop it, or choose another --data", d.path)
		}
		return fmt.Errorf("lock data directory %s: %w", d.path, err)
	}
	d.lock = lock
	return nil
}

func (d *Dir) check() error {
	reason, err := os.ReadFile(d.file(failedName))
	if err == nil {
		return fmt.Errorf("this node stopped because its disk failed (%s), so what %s holds can no longer be "+
			"believed: move the directory away and let the node rejoin the cluster as a new one on a sound disk",
			reason, d.path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read marker of a failed disk: %w", err)
	}
	err = readJSON(d.file(identityName), &d.identity)
	if errors.Is(err, fs.ErrNotExist) {
		return d.checkEmpty()
	}
	if err != nil {
		return err
	}
	if d.identity.Format != formatVersion {
		return fmt.Errorf("data directory %s has format %d, this program reads %d: use the program that wrote it",
			d.path, d.identity.Format, formatVersion)
	}
	return nil
}

// checkEmpty refuses a directory without identity that holds something else: it may be someone's data.
// Leftovers of a bootstrap that was cut off are ours and are removed.
func (d *Dir) checkEmpty() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	for _, e := range entries {
		if e.Name() != lockName && e.Name() != fsckName && !ours(e.Name()) {
			return fmt.Errorf("data directory %s holds %q and no %s: it is not KataKV's; choose an empty one",
				d.path, e.Name(), identityName)
		}
	}
	for _, e := range entries {
		if ours(e.Name()) {
			if err := os.RemoveAll(d.file(e.Name())); err != nil {
				return fmt.Errorf("remove leftover of an unfinished bootstrap: %w", err)
			}
		}
	}
	return nil
}

func ours(name string) bool {
	matched, _ := filepath.Match("log-*", name)
	return matched || name == "state" || name == mapName || name == mapName+temporary || name == identityName+temporary
}

func (d *Dir) file(name string) string { return filepath.Join(d.path, name) }

// Path returns the directory's path.
func (d *Dir) Path() string { return d.path }

// LogPath returns where core i keeps its log.
func (d *Dir) LogPath(i int) string { return d.file(fmt.Sprintf("log-%d", i)) }

// StatePath returns where the state engine lives.
func (d *Dir) StatePath() string { return d.file("state") }

// Identity returns whose directory this is.
func (d *Dir) Identity() Identity { return d.identity }

// SetIdentity makes id durable. It is the last step of whatever changes the identity.
func (d *Dir) SetIdentity(id Identity) error {
	id.Format = formatVersion
	if err := writeJSON(d.path, identityName, id); err != nil {
		return err
	}
	d.identity = id
	return nil
}

// NextBoot counts a start, durably, and returns its number.
func (d *Dir) NextBoot() (katakv.BootID, error) {
	id := d.identity
	id.Boot++
	return id.Boot, d.SetIdentity(id)
}

// Map returns the cached cluster map, or nil when there is none.
func (d *Dir) Map() (*placement.Map, error) {
	data, err := os.ReadFile(d.file(mapName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read cached cluster map: %w", err)
	}
	m, err := placement.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", d.file(mapName), err)
	}
	return m, nil
}

// SetMap caches a cluster map, durably.
func (d *Dir) SetMap(m *placement.Map) error { return replaceFile(d.path, mapName, m.Encode()) }

// Fail leaves the marker that keeps this directory from being used again. It does what it can: the disk that
// failed may be the one it writes to.
func (d *Dir) Fail(reason error) error {
	return replaceFile(d.path, failedName, []byte(reason.Error()))
}

// Space returns the free and total bytes of the file system under the directory.
func (d *Dir) Space() (free, total uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.path, &s); err != nil {
		return 0, 0, fmt.Errorf("read free space of %s: %w", d.path, err)
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}

// Close releases the directory.
func (d *Dir) Close() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("release data directory: %w", err)
	}
	return nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}

func writeJSON(dir, name string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return replaceFile(dir, name, append(data, '\n'))
}

// temporary is the suffix of a file that is being written.
const temporary = ".new"

// replaceFile swaps in new contents: after a crash the file holds the old ones or the new ones, whole.
func replaceFile(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	if err := os.Rename(path+temporary, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
