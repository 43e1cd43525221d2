package compat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// target is a running system.
type target struct {
	cluster []string // cluster ports
	plain   []string // plain ports
	masters int
}

// TestClientsWork runs every client against KataKV.
func TestClientsWork(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a cluster")
	}
	to := katakvTarget(t)
	t.Run("go-redis", func(t *testing.T) { testGoRedis(t, to) })
	t.Run("rueidis", func(t *testing.T) { testRueidis(t, to) })
	t.Run("rueidis with client-side caching", func(t *testing.T) { testTracking(t, to) })
	t.Run("ioredis", func(t *testing.T) { testIORedis(t, to) })
}

// TestScriptHoldsOnRedis runs the same against Redis: what it does not pass is the test's mistake.
func TestScriptHoldsOnRedis(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a cluster")
	}
	to := redisTarget(t)
	t.Run("go-redis", func(t *testing.T) { testGoRedis(t, to) })
	t.Run("rueidis", func(t *testing.T) { testRueidis(t, to) })
	t.Run("ioredis", func(t *testing.T) { testIORedis(t, to) })
}

// newPrefix keeps runs apart that share a cluster.
func newPrefix(t *testing.T) string {
	return fmt.Sprintf("compat:%s:%x:", strings.ReplaceAll(t.Name(), " ", "-"), rand.Uint32())
}

// tool returns the path of an executable, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed")
	}
	return path
}

// missing skips the test, or fails it where nothing may be skipped.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("KATAKV_REQUIRE") == "1" {
		t.Fatalf("%s, and KATAKV_REQUIRE=1 forbids to skip", why)
	}
	t.Skip(why)
}

// katakvTarget is the cluster that the environment names, or one that it starts.
func katakvTarget(t *testing.T) target {
	t.Helper()
	cluster, plain := os.Getenv("KATAKV_CLUSTER_ADDRS"), os.Getenv("KATAKV_PLAIN_ADDRS")
	if cluster != "" && plain != "" {
		addrs := strings.Split(cluster, ",")
		return target{cluster: addrs, plain: strings.Split(plain, ","), masters: len(addrs)}
	}
	binary := filepath.Join(t.TempDir(), "katakv")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/katakv")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build katakv: %v\n%s", err, out)
	}
	up := exec.Command(binary, "up", "--json", "--data", filepath.Join(t.TempDir(), "data"))
	up.Stderr = t.Output()
	stdout, err := up.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	startProcess(t, up)
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("katakv up: %v", err)
	}
	var ready struct {
		Nodes []struct{ Cluster, Plain string }
	}
	if err := json.Unmarshal(line, &ready); err != nil || len(ready.Nodes) == 0 {
		t.Fatalf("katakv up: %v in %q", err, line)
	}
	to := target{masters: len(ready.Nodes)}
	for _, node := range ready.Nodes {
		to.cluster, to.plain = append(to.cluster, node.Cluster), append(to.plain, node.Plain)
	}
	return to
}

// startProcess starts cmd and stops it when the test ends.
func startProcess(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

// redisTarget starts three Redis masters as a cluster, and one Redis without.
func redisTarget(t *testing.T) target {
	t.Helper()
	server, cli := tool(t, "redis-server"), tool(t, "redis-cli")
	to := target{masters: 3}
	for range 3 {
		to.cluster = append(to.cluster, startRedis(t, server, "--cluster-enabled", "yes"))
	}
	to.plain = []string{startRedis(t, server)}
	args := append(append([]string{"--cluster", "create"}, to.cluster...), "--cluster-yes")
	if out, err := exec.Command(cli, args...).CombinedOutput(); err != nil {
		t.Fatalf("create the Redis cluster: %v\n%s", err, out)
	}
	for _, addr := range to.cluster {
		waitFor(t, addr, func(client *redis.Client) bool {
			info, err := client.ClusterInfo(t.Context()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok")
		})
	}
	return to
}

// startRedis starts one process on a port that is free now, its cluster bus' port included.
func startRedis(t *testing.T, server string, args ...string) string {
	t.Helper()
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		_ = listener.Close()
		if port > 55535 { // the bus is 10000 above
			continue
		}
		startProcess(t, exec.Command(server, append([]string{
			"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--logfile", "log",
		}, args...)...))
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		waitFor(t, addr, func(client *redis.Client) bool { return client.Ping(t.Context()).Err() == nil })
		return addr
	}
}

func waitFor(t *testing.T, addr string, ready func(*redis.Client) bool) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	for began := time.Now(); !ready(client); {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%s is not ready after 30 s", addr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
