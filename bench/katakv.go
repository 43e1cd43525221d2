package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startKataKV runs `katakv up --json` and waits for its line.
func startKataKV(ctx context.Context, binary, dir string) (*system, error) {
	logName := filepath.Join(dir, "up.log")
	logFile, err := os.Create(logName)
	if err != nil {
		return nil, fmt.Errorf("start KataKV: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	cmd := exec.Command(binary, "up", "--json", "--data", filepath.Join(dir, "data"))
	cmd.Stderr = logFile
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start KataKV: %w", err)
	}
	cmd.Stdout = writer
	p, err := start(cmd)
	_ = writer.Close()
	if err != nil {
		_ = reader.Close()
		return nil, err
	}
	s := &system{stop: p.stop}
	lines := make(chan []byte, 1)
	go func() {
		defer close(lines)
		defer func() { _ = reader.Close() }()
		scanner := bufio.NewScanner(reader)
		scanner.Buffer(nil, 1<<20)
		for sent := false; scanner.Scan(); sent = true {
			if !sent {
				lines <- append([]byte{}, scanner.Bytes()...)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case line, ok := <-lines:
		if ok {
			err = s.read(line)
		} else {
			err = fmt.Errorf("it ended: %s", tailOf(logName))
		}
	case <-ctx.Done():
		err = fmt.Errorf("not ready: %w: %s", context.Cause(ctx), tailOf(logName))
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("start KataKV: %w", err)
	}
	return s, nil
}

// read takes over what the line of `up --json` says.
func (s *system) read(line []byte) error {
	var up struct {
		Ready bool
		Nodes []struct {
			PID     int
			Cluster string
		}
	}
	if err := json.Unmarshal(line, &up); err != nil || !up.Ready || len(up.Nodes) == 0 {
		return fmt.Errorf("unexpected line %q: %w", line, err)
	}
	for _, node := range up.Nodes {
		s.addrs = append(s.addrs, node.Cluster)
		s.pids = append(s.pids, node.PID)
	}
	return nil
}
