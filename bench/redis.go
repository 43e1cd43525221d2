package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/katakv/katakv/client"
)

const (
	redisMasters  = 3
	redisReplicas = 2 // of each master
)

// ErrNoRedis says that the machine lacks Redis.
var ErrNoRedis = errors.New("redis-server and redis-cli are needed: install Debian's packages redis-server and redis-tools")

// system is a running cluster.
type system struct {
	addrs []string
	pids  []int
	stop  func()
}

// startRedis starts masters * (1 + replicas) processes and makes them a cluster.
func startRedis(ctx context.Context, dir string, masters, replicas int) (*system, error) {
	server, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrNoRedis
	}
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		return nil, ErrNoRedis
	}
	count := masters * (1 + replicas)
	ports, err := freePorts(count)
	if err != nil {
		return nil, err
	}
	s := &system{}
	var processes []*process
	s.stop = func() {
		for _, p := range processes {
			p.stop()
		}
	}
	for _, port := range ports {
		home := filepath.Join(dir, fmt.Sprint(port))
		if err := os.MkdirAll(home, 0o755); err != nil {
			s.stop()
			return nil, fmt.Errorf("make a directory for Redis: %w", err)
		}
		p, err := start(exec.Command(server, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", home,
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--appendonly", "yes",
			"--appendfsync", "always", "--save", "", "--daemonize", "no", "--logfile", filepath.Join(home, "log")))
		if err != nil {
			s.stop()
			return nil, err
		}
		processes = append(processes, p)
		s.addrs = append(s.addrs, fmt.Sprintf("127.0.0.1:%d", port))
		s.pids = append(s.pids, p.pid())
	}
	if err := formRedisCluster(ctx, cli, s.addrs, replicas); err != nil {
		err = fmt.Errorf("%w; the end of a server's log: %s", err, tailOf(filepath.Join(dir, fmt.Sprint(ports[0]), "log")))
		s.stop()
		return nil, err
	}
	return s, nil
}

// formRedisCluster joins the servers and waits until all agree and every replica is in sync.
func formRedisCluster(ctx context.Context, cli string, addrs []string, replicas int) error {
	for _, addr := range addrs {
		if err := until(ctx, 20*time.Second, func() error {
			return redisSays(ctx, addr, []any{"PING"}, "PONG")
		}); err != nil {
			return fmt.Errorf("start Redis: %w", err)
		}
	}
	args := append([]string{"--cluster", "create"}, addrs...)
	args = append(args, "--cluster-replicas", fmt.Sprint(replicas), "--cluster-yes")
	if out, err := exec.CommandContext(ctx, cli, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("create the Redis cluster: %w: %s", err, out)
	}
	for _, addr := range addrs {
		if err := until(ctx, 60*time.Second, func() error {
			if err := redisSays(ctx, addr, []any{"CLUSTER", "INFO"}, "cluster_state:ok"); err != nil {
				return err
			}
			err := redisSays(ctx, addr, []any{"INFO", "replication"}, "role:master")
			if err == nil {
				return redisSays(ctx, addr, []any{"INFO", "replication"}, fmt.Sprintf("connected_slaves:%d", replicas))
			}
			return redisSays(ctx, addr, []any{"INFO", "replication"}, "master_link_status:up")
		}); err != nil {
			return fmt.Errorf("wait for the Redis cluster: %w", err)
		}
	}
	return nil
}

// redisSays returns nil if the answer to a command holds a text.
func redisSays(ctx context.Context, addr string, command []any, text string) error {
	conn, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	value, err := conn.Do(ctx, command...)
	if err != nil {
		return err
	}
	if !strings.Contains(value.Text(), text) {
		return fmt.Errorf("%s: no %q in the answer to %v", addr, text, command)
	}
	return nil
}
