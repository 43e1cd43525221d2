package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/placement"
)

const (
	lockName     = "LOCK"
	identityName = "IDENTITY"
	mapName      = "MAP"
	stateName    = "state"
	failedName   = "FAILED"

	// fsckName is in the root of every fresh ext file system: a disk of its own may be the data directory.
	fsckName = "lost+found"
)

// Dir is an open data directory.
type Dir struct {
	path     string
	sync     func(*os.File) error // makes a file or directory durable; tests let it fail
	lock     *os.File
	identity Identity
}

// Open takes the directory at path for this process alone, creating it when absent. It fails when another
// process has it, when its format is not ours, when its identity is damaged or missing beside data, or when a marker
// says that its disk failed. It changes nothing that is there.
func Open(path string) (*Dir, error) { return open(path, (*os.File).Sync) }

func open(path string, sync func(*os.File) error) (*Dir, error) {
	d := &Dir{path: path, sync: sync}
	created, err := d.create()
	if err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	err = d.check()
	if err == nil && !created && d.identity.Empty() {
		err = d.syncParent()
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// create makes the directory and those above it, as far as they are absent, and makes their names durable: a node
// whose whole directory is gone after a power cut would have forgotten its votes.
func (d *Dir) create() (created bool, err error) {
	var parents []string
	for dir := filepath.Clean(d.path); ; {
		_, err := os.Stat(dir)
		parent := filepath.Dir(dir)
		if parent == dir || !errors.Is(err, fs.ErrNotExist) {
			break
		}
		parents = append(parents, parent)
		dir = parent
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return false, err
	}
	for _, parent := range parents {
		if err := d.syncDir(parent); err != nil {
			return false, err
		}
	}
	return len(parents) > 0, nil
}

// syncParent makes the name of a directory durable that is no node's yet: the start that created it may have been cut
// off before it could. A parent that may not be read is left to whoever created the directory there.
func (d *Dir) syncParent() error {
	if err := d.syncDir(filepath.Dir(filepath.Clean(d.path))); !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
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
	if err := d.checkMarker(); err != nil {
		return err
	}
	data, err := os.ReadFile(d.file(identityName))
	if errors.Is(err, fs.ErrNotExist) {
		return d.checkEmpty(false)
	}
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	id, err := decodeIdentity(data)
	var format formatError
	if errors.As(err, &format) {
		return fmt.Errorf("data directory %s %w", d.path, err)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged (%w), so nobody knows which node this is: move the directory away and let "+
			"the node rejoin the cluster as a new one", d.file(identityName), err)
	}
	if id.Stage == preparing {
		return d.checkEmpty(true)
	}
	d.identity = id
	return nil
}

// checkMarker refuses a directory with a marker, whatever stands in it: the disk that failed may have kept the
// file and lost its text.
func (d *Dir) checkMarker() error {
	text, err := os.ReadFile(d.file(failedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	reason := strings.TrimSpace(string(text))
	if err != nil {
		reason = err.Error()
	} else if reason == "" {
		reason = "it did not keep the reason either"
	}
	return fmt.Errorf("this node stopped because its disk failed (%s), so what %s holds can no longer be "+
		"believed: move the directory away and let the node rejoin the cluster as a new one on a sound disk",
		reason, d.path)
}

// checkEmpty refuses a directory of no cluster that holds something all the same: it may be somebody else's, or
// a node's that lost its identity, which must never pass for a new one. Only what a bootstrap that was cut off had begun
// may be there, and only beside an identity that says so; Prepare removes it.
func (d *Dir) checkEmpty(begun bool) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == lockName, name == fsckName, name == identityName, name == identityName+temporary:
		case begun && slices.Contains(initialNames, name):
		case ours(name):
			return fmt.Errorf("data directory %s holds %q and no valid %s, so nobody knows which node it was: put that "+
				"file back, or move the directory away and let the node rejoin the cluster as a new one",
				d.path, name, identityName)
		default:
			return fmt.Errorf("data directory %s holds %q and no %s: it is not KataKV's; choose an empty one",
				d.path, name, identityName)
		}
	}
	return nil
}

// initialNames are what a bootstrap writes before the directory belongs to a cluster.
var initialNames = []string{stateName, mapName, mapName + temporary}

func ours(name string) bool {
	matched, _ := filepath.Match("log-*", name)
	return matched || slices.Contains(initialNames, name)
}

func (d *Dir) file(name string) string { return filepath.Join(d.path, name) }

// Path returns the directory's path.
func (d *Dir) Path() string { return d.path }

// LogPath returns where core i keeps its log.
func (d *Dir) LogPath(i int) string { return d.file(fmt.Sprintf("log-%d", i)) }

// StatePath returns where the state engine lives.
func (d *Dir) StatePath() string { return d.file(stateName) }

// Identity returns whose directory this is.
func (d *Dir) Identity() Identity { return d.identity }

// Prepare begins to make the directory that of id, durably, and removes what an earlier attempt had begun. It belongs
// to no cluster still: until SetIdentity says more, whatever is written now counts for nothing after a restart.
func (d *Dir) Prepare(id Identity) error {
	if !d.identity.Empty() {
		return fmt.Errorf("data directory %s is that of node %v already", d.path, d.identity.Node)
	}
	id.Stage = preparing
	if _, err := d.writeIdentity(id); err != nil {
		return err
	}
	for _, name := range initialNames {
		if err := os.RemoveAll(d.file(name)); err != nil {
			return fmt.Errorf("remove what an unfinished bootstrap left: %w", err)
		}
	}
	return d.syncDir(d.path)
}

// SetIdentity makes id durable. It is the last step of whatever changes the identity.
func (d *Dir) SetIdentity(id Identity) error {
	id, err := d.writeIdentity(id)
	if err == nil {
		d.identity = id
	}
	return err
}

func (d *Dir) writeIdentity(id Identity) (Identity, error) {
	id.Format = formatVersion
	data, err := id.encode()
	if err != nil {
		return id, fmt.Errorf("encode %s: %w", identityName, err)
	}
	return id, d.replaceFile(identityName, data)
}

// NextBoot counts a start, durably, and returns its number, and how long from now on promises of earlier starts may run.
// promise is how long those of this start may last at most.
func (d *Dir) NextBoot(promise time.Duration) (boot katakv.BootID, quiet time.Duration, err error) {
	id := d.identity
	quiet = id.Promise
	id.Boot++
	id.Promise = max(id.Promise, promise)
	return id.Boot, quiet, d.SetIdentity(id)
}

// Map returns the cached cluster map, or nil when there is none or the directory belongs to no cluster.
func (d *Dir) Map() (*placement.Map, error) {
	if d.identity.Empty() {
		return nil, nil
	}
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
func (d *Dir) SetMap(m *placement.Map) error { return d.replaceFile(mapName, m.Encode()) }

// Fail leaves the marker that keeps this directory from being used again. The name is the marker, and the reason in
// it, one line for each call, is for people: so the file is made in place, not swapped in behind a sync, which is
// just what may fail here. In the page cache alone it guards against what the page cache makes believe; once that
// is gone, after a reboot, the disk shows what it really holds. The syncs are tried all the same, each whatever became
// of the one before. An error wraps what went wrong with them; the marker may be there nevertheless.
func (d *Dir) Fail(reason error) error {
	f, err := os.OpenFile(d.file(failedName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("mark data directory as failed: %w", err)
	}
	_, err = fmt.Fprintln(f, reason)
	if err := errors.Join(err, d.sync(f), f.Close(), d.syncDir(d.path)); err != nil {
		return fmt.Errorf("mark data directory as failed: %s is there, but not surely on the disk: %w", f.Name(), err)
	}
	return nil
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

// temporary is the suffix of a file that is being written.
const temporary = ".new"

// replaceFile swaps in new contents: after a crash the file holds the old ones or the new ones, whole.
func (d *Dir) replaceFile(name string, data []byte) error {
	path := d.file(name)
	f, err := os.OpenFile(path+temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = d.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	if err := os.Rename(path+temporary, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return d.syncDir(d.path)
}

func (d *Dir) syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(d.sync(f), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
