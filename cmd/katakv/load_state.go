package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/katakv/katakv/internal/load"
)

const (
	// stateHeadBytes of the input, at most, are hashed, to tell one input from another.
	stateHeadBytes = 64 << 10

	stateVersion = 1
)

// loadState keeps how far a load has come in a file. Without a path it does nothing.
type loadState struct {
	path   string
	config *load.Config
	head   []byte // the input's beginning
}

// loadStateFile is the file's content.
type loadStateFile struct {
	Version int    `json:"version"`
	Key     string `json:"key"`
	Prefix  string `json:"prefix"`
	load.Position
	// Head is the SHA-256 of the first stateHeadBytes of what was loaded, or of all if that is less.
	Head string `json:"head"`
}

// begin looks at the input's beginning, and lets the load go on where the file says. It refuses a file that
// belongs to another input or other keys.
func (s *loadState) begin(in *bufio.Reader, restart bool) error {
	head, err := in.Peek(stateHeadBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("load: read the input: %w", err)
	}
	s.head = append([]byte{}, head...)
	if restart {
		return nil
	}
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load: read how far it came: %w", err)
	}
	var file loadStateFile
	if err := json.Unmarshal(data, &file); err != nil || file.Version != stateVersion || file.Bytes < 0 || file.Lines < 0 {
		return fmt.Errorf("load: %s does not tell how far a load came; remove it, or begin anew with --restart", s.path)
	}
	if file.Head != s.hash(file.Bytes) || file.Key != s.config.Key || file.Prefix != s.config.Prefix {
		return fmt.Errorf("load: %s belongs to the load of another file, key or prefix; remove it, or begin anew with --restart", s.path)
	}
	s.config.From = file.Position
	return nil
}

// hash returns the hash of the beginning of the input's first n bytes.
func (s *loadState) hash(n int64) string {
	sum := sha256.Sum256(s.head[:min(n, int64(len(s.head)))])
	return hex.EncodeToString(sum[:])
}

// save replaces the file, whole or not at all.
func (s *loadState) save(p load.Progress) error {
	if s.path == "" {
		return nil
	}
	data, err := json.Marshal(loadStateFile{
		Version: stateVersion, Key: s.config.Key, Prefix: s.config.Prefix, Position: p.Position, Head: s.hash(p.Bytes),
	})
	if err != nil {
		return err
	}
	if err := replaceFile(s.path, append(data, '\n')); err != nil {
		return fmt.Errorf("keep how far the load came: %w", err)
	}
	return nil
}

func (s *loadState) remove() error {
	if s.path == "" {
		return nil
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what told how far the load came: %w", err)
	}
	return nil
}

// replaceFile writes a file beside the one named and renames it over that.
func replaceFile(name string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // it is gone by then if all went well
	_, err = temp.Write(data)
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), name)
}
