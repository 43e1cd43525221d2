package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/chaos"
	"github.com/katakv/katakv/internal/figures"
	"github.com/katakv/katakv/internal/powercut"
	"github.com/katakv/katakv/internal/require"
)

const (
	// redisCalm is how long clients work before the power may go, redisSpread within what time it then goes.
	redisCalm   = 2 * time.Second
	redisSpread = 2 * time.Second

	// redisCuts is how often the power goes at most until a Redis that loses has something to lose: a cut may come
	// right after a sync.
	redisCuts = 3

	// redisPatience bounds a start of Redis, and reading everything.
	redisPatience = 20 * time.Second
)

// TestFindsWhatRedisLoses drives a store written by others. A Redis that syncs its log once a second loses in a power
// cut what it had acknowledged within the last second, as its manual says: the judge must see it. One that syncs
// before it answers loses nothing, and must be judged so.
func TestFindsWhatRedisLoses(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: left out by -short")
	}
	server := require.Tool(t, "redis-server")
	require.Root(t)
	require.Tool(t, "mkfs.ext4")
	require.Available(t, powercut.Available())
	for _, test := range []struct {
		appendfsync string
		loses       bool
	}{{"everysec", true}, {"always", false}} {
		t.Run(test.appendfsync, func(t *testing.T) {
			j := cutRedis(t, server, test.appendfsync)
			for cuts := 1; test.loses && len(j.Violations) == 0 && cuts < redisCuts; cuts++ {
				t.Log("nothing is missing: the cut came right after a sync; once more")
				j = cutRedis(t, server, test.appendfsync)
			}
			t.Logf("%d applied, %d refused, %d unknown, %d checked; of %d acknowledged writes of counters and logs %d are lost",
				j.Applied, j.Refused, j.Unknown, j.Checked, j.Acknowledged, j.Lost)
			t.Log(figures.Line("groups of keys, "+test.appendfsync, float64(j.Groups), ""))
			t.Log(figures.Line("groups of keys not linearizable, "+test.appendfsync, float64(j.NotLinear), ""))
			t.Log(figures.Line("acknowledged writes lost, "+test.appendfsync, float64(j.Lost), ""))
			found := strings.Join(j.Violations, "\n")
			switch {
			case j.Applied < 500 || j.Acknowledged < 50:
				t.Errorf("%d operations applied, %d writes of counters and logs: too few to tell", j.Applied, j.Acknowledged)
			case test.loses && (j.NotLinear == 0 || !strings.Contains(found, "not linearizable")):
				t.Errorf("seed %d: the violations are %q, want that the loss is seen", require.Seed(t), found)
			case !test.loses && found != "":
				t.Errorf("seed %d: the violations are %q, want none", require.Seed(t), found)
			}
		})
	}
}

// cutRedis lets clients work on a Redis, cuts its disk's power under them, starts it again and judges.
func cutRedis(t *testing.T, server, appendfsync string) *chaos.Judgement {
	t.Helper()
	disk, err := powercut.Create(filepath.Join(t.TempDir(), "disk"), powercut.Options{SizeMiB: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the processes have ended
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	log := filepath.Join(t.TempDir(), "log")
	r := &redis{server: server, addr: freeAddr(t), dir: disk.Dir(), log: log, appendfsync: appendfsync}
	r.start(t)
	seed := require.Seed(t)
	trial := chaos.StartTrial(r.addr, chaos.Options{Clients: 8, Rate: 1000, Seed: seed})
	defer trial.Stop()
	rng := rand.New(rand.NewPCG(seed, 0))
	time.Sleep(redisCalm + time.Duration(rng.Int64N(int64(redisSpread))))
	// The power goes from processor and disk in one moment. The signal is first, and nobody waits for its effect: a
	// process that ran on would be told of success by a sync in flight whose bytes the cut then takes (package powercut).
	_ = r.cmd.Process.Kill()
	if err := disk.Cut(); err != nil {
		t.Fatal(err)
	}
	r.end()
	trial.Stop()
	if err := disk.Restore(); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), redisPatience)
	defer cancel()
	j, err := trial.Judge(ctx)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.tail())
	}
	return j
}

// redis is one server, and its process while it runs.
type redis struct {
	server, addr, dir, log, appendfsync string
	cmd                                 *exec.Cmd
}

// start starts the process and waits until it answers. It ends with the test.
func (r *redis) start(t *testing.T) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(r.server, "--bind", host, "--port", port, "--dir", r.dir, "--logfile", r.log, "--daemonize", "no",
		"--appendonly", "yes", "--appendfsync", r.appendfsync, "--no-appendfsync-on-rewrite", "no",
		"--auto-aof-rewrite-percentage", "0", "--save", "")
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	ctx, cancel := context.WithTimeout(t.Context(), redisPatience)
	defer cancel()
	for err := r.ping(ctx); err != nil; err = r.ping(ctx) {
		if ctx.Err() != nil {
			t.Fatalf("start Redis: %v\n%s", err, r.tail())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *redis) ping(ctx context.Context) error {
	conn, err := client.Dial(ctx, r.addr, client.Options{})
	if err != nil {
		return err
	}
	_, err = conn.Do(ctx, "PING")
	return errors.Join(err, conn.Close())
}

// end kills the process, unless it has ended, and waits for its end.
func (r *redis) end() {
	if r.cmd.ProcessState == nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	}
}

// tail returns the end of the log.
func (r *redis) tail() string {
	log, err := os.ReadFile(r.log)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-2000):])
}

// freeAddr returns an address of loopback that nobody listens on now.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(l.Addr())
}
