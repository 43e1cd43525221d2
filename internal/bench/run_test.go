package bench_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/bench"
)

func config(c *fakeCluster) bench.Config {
	return bench.Config{
		Addrs: c.addrs, Cluster: true, Connections: 3, Pipeline: 4, ValueBytes: 16, Keys: 500, Operations: 1000,
		Seed: 1, Timeout: 5 * time.Second,
	}
}

func run(t *testing.T, config bench.Config) *bench.Result {
	t.Helper()
	result, err := bench.Run(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestFillWritesEveryKeyOnce(t *testing.T) {
	c := startCluster(t, 5000, katakv.SlotCount)
	if err := bench.Fill(t.Context(), config(c)); err != nil {
		t.Fatal(err)
	}
	if len(c.data) != 500 || c.sets != 500 {
		t.Errorf("got %d keys by %d writes, want 500", len(c.data), c.sets)
	}
	for key, value := range c.data {
		if len(key) != len("key:000000000042") || len(value) != 16 {
			t.Fatalf("got %q = %q", key, value)
		}
	}
}

func TestFillTriesAgain(t *testing.T) {
	c := startCluster(t, 5000, katakv.SlotCount)
	calls := 0
	c.refuse = func(name string) string {
		if calls++; name == "SET" && calls%3 == 0 {
			return "CLUSTERDOWN no leader"
		}
		return ""
	}
	commands := 0
	c.hangUp = func(string) bool { commands++; return commands%50 == 0 }
	if err := bench.Fill(t.Context(), config(c)); err != nil {
		t.Fatal(err)
	}
	if len(c.data) != 500 {
		t.Errorf("got %d keys, want 500", len(c.data))
	}
}

func TestCountedOperations(t *testing.T) {
	c := startCluster(t, 5000, 9000, katakv.SlotCount)
	result := run(t, config(c))
	if result.Operations != 1000 || c.sets != 1000 || len(result.Errors) != 0 || result.Redirects != 0 {
		t.Errorf("got %+v, %d writes", result, c.sets)
	}
	if result.Writes == nil || result.Reads != nil || result.Writes.P50Micros <= 0 || result.Writes.MaxMicros < result.Writes.P99Micros {
		t.Errorf("writes %+v, reads %+v", result.Writes, result.Reads)
	}
}

func TestReadsAndWrites(t *testing.T) {
	c := startCluster(t, katakv.SlotCount)
	config := config(c)
	config.ReadPercent = 50
	result := run(t, config)
	if result.Reads == nil || result.Writes == nil || result.Reads.Operations < 300 || result.Writes.Operations < 300 ||
		result.Operations != 1000 {
		t.Errorf("got %+v", result)
	}
	if result.Misses == 0 || result.Misses >= result.Reads.Operations {
		t.Errorf("%d misses: some of the keys were written meanwhile", result.Misses)
	}
}

func TestMeasuredTime(t *testing.T) {
	c := startCluster(t, katakv.SlotCount)
	config := config(c)
	config.Operations, config.Warmup, config.Duration = 0, 20*time.Millisecond, 50*time.Millisecond
	result := run(t, config)
	if result.Operations == 0 || result.Operations > int64(c.sets) || result.Seconds < 0.02 {
		t.Errorf("got %+v of %d writes", result, c.sets)
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	c := startCluster(t, 5000, katakv.SlotCount)
	c.shown = []int{9000, katakv.SlotCount} // the map that nodes show lags behind
	result := run(t, config(c))
	if result.Operations != 1000 || result.Redirects == 0 || len(result.Errors) != 0 || len(c.data) == 0 {
		t.Errorf("got %+v", result)
	}
	if result.Redirects > 500+3*4 {
		t.Errorf("%d redirects: each slot should be learnt once", result.Redirects)
	}
}

func TestWaitBelongsToEachPart(t *testing.T) {
	c := startCluster(t, 5000, katakv.SlotCount)
	c.replicas = 1
	config := config(c)
	config.WaitReplicas = 1
	result := run(t, config)
	if result.Operations != 1000 || c.waits < 250 || c.waits > 2*1000/4+2*3 {
		t.Errorf("got %+v, %d waits", result, c.waits)
	}
	config.WaitReplicas = 2
	result = run(t, config)
	if result.Operations != 0 || result.Errors["WAIT"] != 1000 {
		t.Errorf("too few replicas: got %+v", result)
	}
}

func TestErrorsAreCountedByPrefix(t *testing.T) {
	c := startCluster(t, katakv.SlotCount)
	calls := 0
	c.refuse = func(name string) string {
		if calls++; name == "SET" && calls%2 == 0 {
			return "UNKNOWN the leader was lost"
		}
		return ""
	}
	result := run(t, config(c))
	if got := result.Errors["UNKNOWN"]; got < 450 || result.Operations+got != 1000 {
		t.Errorf("got %+v", result)
	}
	if !strings.HasPrefix(result.FirstErrors["UNKNOWN"], "UNKNOWN the leader") {
		t.Errorf("got %v", result.FirstErrors)
	}
}

func TestBrokenConnectionsAreMadeAgain(t *testing.T) {
	c := startCluster(t, katakv.SlotCount)
	calls := 0
	c.hangUp = func(string) bool { calls++; return calls%100 == 0 }
	result := run(t, config(c))
	if got := result.Errors["CONNECTION"]; got == 0 || result.Operations+got != 1000 || result.Operations < 500 {
		t.Errorf("got %+v", result)
	}
}

func TestPlainMode(t *testing.T) {
	c := startCluster(t, katakv.SlotCount)
	config := config(c)
	config.Cluster = false
	if result := run(t, config); result.Operations != 1000 {
		t.Errorf("got %+v", result)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	c := startCluster(t, katakv.SlotCount)
	config := config(c)
	config.Operations, config.Duration = 0, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if result, err := bench.Run(ctx, config); err == nil {
		t.Errorf("got %+v", result)
	}
}

func TestProcessesAreMeasured(t *testing.T) {
	stat := func(pid, name, utime, stime, start, rss string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(pid + " (" + name + ") S 1 2 3 4 5 6 7 8 9 10 " + utime + " " + stime +
			" 16 17 18 19 20 21 " + start + " 23 " + rss + " 25 26\n")}
	}
	c := startCluster(t, katakv.SlotCount)
	config := config(c)
	config.ServerPIDs = []int{12}
	proc := fstest.MapFS{
		"stat":      {Data: []byte("cpu  10 20 30 40 50 60 70 0 0 0\ncpu0 1 2 3\n")},
		"self/stat": stat("7", "bench", "1", "1", "5", "10"),
		"7/stat":    stat("7", "bench", "1", "1", "5", "10"),
		"12/stat":   stat("12", "a) b (c", "3", "4", "99", "256"),
	}
	config.Proc = proc
	result := run(t, config)
	if len(result.Servers) != 1 || result.Servers[0].RSSBytes != 1<<20 || result.ServerRSSBytes != 1<<20 {
		t.Errorf("got %+v", result)
	}
	config.ServerPIDs = []int{13}
	if _, err := bench.Run(t.Context(), config); err == nil || !strings.Contains(err.Error(), "process 13") {
		t.Errorf("a server that is not there: got %v", err)
	}
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		flag   string
		change func(*bench.Config)
	}{
		{"--addrs", func(c *bench.Config) { c.Addrs = nil }},
		{"--connections", func(c *bench.Config) { c.Connections = 0 }},
		{"--connections", func(c *bench.Config) { c.Connections = bench.MaxConnections + 1 }},
		{"--pipeline", func(c *bench.Config) { c.Pipeline = 0 }},
		{"--value-bytes", func(c *bench.Config) { c.ValueBytes = -1 }},
		{"--keys", func(c *bench.Config) { c.Keys = 0 }},
		{"--reads", func(c *bench.Config) { c.ReadPercent = 101 }},
		{"--wait", func(c *bench.Config) { c.WaitReplicas = -1 }},
		{"--duration", func(c *bench.Config) { c.Duration, c.Operations = 0, 0 }},
	} {
		config := bench.Config{Addrs: []string{"a:1"}, Connections: 1, Pipeline: 1, Keys: 1, Duration: 1}
		if err := config.Validate(); err != nil {
			t.Fatal(err)
		}
		test.change(&config)
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), test.flag) {
			t.Errorf("%s: got %v", test.flag, err)
		}
	}
}
