package load_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/load"
	"github.com/katakv/katakv/internal/require"
)

// records returns n lines with keys of their own.
func records(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"name":"p%d","text":"<é> \"%s\""}`+"\n", i, strings.Repeat("x", i%50))
	}
	return b.String()
}

func config(addrs ...string) load.Config {
	return load.Config{
		Addrs: addrs, Key: "name", Prefix: "pkg:", Connections: 3, Pipeline: 7, Timeout: 5 * time.Second,
		Patience: 10 * time.Second,
	}
}

// checkData compares the store with the lines.
func checkData(t *testing.T, s *store, lines string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		if got := s.data[fmt.Sprintf("pkg:p%d", i)]; got != line {
			t.Fatalf("record %d: got %q, want %q", i, got, line)
		}
		n++
	}
	if len(s.data) != n {
		t.Errorf("%d keys, want %d", len(s.data), n)
	}
}

func TestWriteAndVerify(t *testing.T) {
	s, addrs := startNodes(t, 3)
	lines := records(1000)
	progress, err := load.Write(t.Context(), strings.NewReader(lines), config(addrs...))
	if err != nil || progress.Records != 1000 || progress.Lines != 1000 || progress.Bytes != int64(len(lines)) || progress.Retries != 0 {
		t.Fatalf("got %+v, %v", progress, err)
	}
	checkData(t, s, lines)
	report, err := load.Verify(t.Context(), strings.NewReader(lines), config(addrs...))
	if err != nil || report.Records != 1000 || report.Missing+report.Different != 0 {
		t.Fatalf("got %+v, %v", report, err)
	}
	delete(s.data, "pkg:p7")
	s.data["pkg:p8"] = s.data["pkg:p8"] + " "
	report, err = load.Verify(t.Context(), strings.NewReader(lines), config(addrs...))
	if err != nil || report.Missing != 3 || report.Different != 3 || len(report.Differences) != 6 {
		t.Fatalf("got %+v, %v", report, err)
	}
	for _, d := range report.Differences {
		if d.Line != 8 && d.Line != 9 {
			t.Errorf("got %+v", d)
		}
	}
}

func TestWriteThroughFailures(t *testing.T) {
	for seed := require.Seed(t); seed < require.Seed(t)+5; seed++ {
		s, addrs := startNodes(t, 3)
		random := rand.New(rand.NewPCG(seed, 0))
		problems := []string{hangUp, "UNKNOWN the leader was lost", "CLUSTERDOWN no leader", "LOADING starting", "ERR internal"}
		s.before = func(node int, _ []string) string {
			if node == 1 { // this one is as good as dead
				return "CLUSTERDOWN no leader"
			}
			if random.IntN(100) == 0 {
				return problems[random.IntN(len(problems))]
			}
			return ""
		}
		lines := records(600)
		progress, err := load.Write(t.Context(), strings.NewReader(lines), config(addrs...))
		if err != nil || progress.Records != 600 || progress.Retries == 0 {
			t.Fatalf("seed %d: got %+v, %v", seed, progress, err)
		}
		checkData(t, s, lines)
	}
}

func TestLastLineOfAKeyWins(t *testing.T) {
	s, addrs := startNodes(t, 2)
	calls := 0
	s.before = func(int, []string) string {
		if calls++; calls%40 == 0 {
			return "TRYAGAIN busy"
		}
		return ""
	}
	var b strings.Builder
	want := map[string]string{}
	for i := range 500 {
		line := fmt.Sprintf(`{"name":"k%d","n":%d}`, i%17, i)
		want[fmt.Sprintf("pkg:k%d", i%17)] = line
		b.WriteString(line + "\n")
	}
	if _, err := load.Write(t.Context(), strings.NewReader(b.String()), config(addrs...)); err != nil {
		t.Fatal(err)
	}
	for key, line := range want {
		if s.data[key] != line {
			t.Errorf("%s: got %s, want %s", key, s.data[key], line)
		}
	}
}

func TestResume(t *testing.T) {
	lines := records(900)
	for seed := require.Seed(t); seed < require.Seed(t)+5; seed++ {
		random := rand.New(rand.NewPCG(seed, 0))
		s, addrs := startNodes(t, 2)
		ctx, cancel := context.WithCancel(t.Context())
		stop := 1 + random.IntN(850)
		s.before = func(int, []string) string {
			if s.sets == stop {
				cancel()
			}
			return ""
		}
		first, err := load.Write(ctx, strings.NewReader(lines), config(addrs...))
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("seed %d: got %v", seed, err)
		}
		// What lies before the position is there, and it lies between two lines.
		before := lines[:first.Bytes]
		if strings.Count(before, "\n") != int(first.Lines) || before != "" && !strings.HasSuffix(before, "\n") {
			t.Fatalf("seed %d: position %+v", seed, first.Position)
		}
		for i := range first.Lines {
			if !s.has(fmt.Sprintf("pkg:p%d", i)) {
				t.Fatalf("seed %d: record %d is before %+v and not there", seed, i, first.Position)
			}
		}
		s.setBefore(nil)
		config := config(addrs...)
		config.From = first.Position
		second, err := load.Write(t.Context(), strings.NewReader(lines), config)
		if err != nil || second.Lines != 900 || second.Records != 900-first.Lines {
			t.Fatalf("seed %d: got %+v, %v", seed, second, err)
		}
		checkData(t, s, lines)
	}
}

func TestBadLines(t *testing.T) {
	_, addrs := startNodes(t, 1)
	good := `{"name":"a"}` + "\n\n" + `{"name":12}` + "\r\n"
	for _, bad := range []string{
		`{"name":"a"`, `["name"]`, `null`, `{"other":1}`, `{"name":""}`, `{"name":{}}`, `{"name":null}`, `{"name":true}`, `x`,
		`{"name":"` + strings.Repeat("k", 64<<10) + `"}`,
	} {
		_, err := load.Write(t.Context(), strings.NewReader(good+bad+"\n"), config(addrs...))
		var line *load.LineError
		if !errors.As(err, &line) || line.Line != 4 {
			t.Errorf("%.40q: got %v, want an error at line 4", bad, err)
		}
		config := config(addrs...)
		config.SkipBad = true
		progress, err := load.Write(t.Context(), strings.NewReader(good+bad), config)
		if err != nil || progress.Bad != 1 || progress.Records != 2 || progress.Lines != 4 {
			t.Errorf("%.40q: got %+v, %v", bad, progress, err)
		}
	}
}

func TestValuesAreLinesByteForByte(t *testing.T) {
	s, addrs := startNodes(t, 1)
	in := `{"name":"a" , "x":"\u00e9"}` + "\r\n" + ` {"name":7.50}`
	if _, err := load.Write(t.Context(), strings.NewReader(in), config(addrs...)); err != nil {
		t.Fatal(err)
	}
	if s.data["pkg:a"] != `{"name":"a" , "x":"\u00e9"}` || s.data["pkg:7.50"] != ` {"name":7.50}` || len(s.data) != 2 {
		t.Errorf("got %q", s.data)
	}
}

func TestRefusedRecords(t *testing.T) {
	s, addrs := startNodes(t, 1)
	s.before = func(_ int, args []string) string {
		if args[1] == "pkg:p5" {
			return "ERR the value is too large"
		}
		return ""
	}
	_, err := load.Write(t.Context(), strings.NewReader(records(20)), config(addrs...))
	var line *load.LineError
	if !errors.As(err, &line) || line.Line != 6 || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
	config := config(addrs...)
	config.SkipBad = true
	progress, err := load.Write(t.Context(), strings.NewReader(records(20)), config)
	if err != nil || progress.Records != 19 || progress.Bad != 1 {
		t.Errorf("got %+v, %v", progress, err)
	}
}

func TestFatalErrors(t *testing.T) {
	s, addrs := startNodes(t, 1)
	s.setBefore(func(int, []string) string { return "MOVED 1 127.0.0.1:1" })
	if _, err := load.Write(t.Context(), strings.NewReader(records(20)), config(addrs...)); err == nil ||
		!strings.Contains(err.Error(), "plain port") {
		t.Errorf("a cluster port: got %v", err)
	}
	s.setBefore(func(int, []string) string { return "CLUSTERDOWN no leader" })
	impatient := config(addrs...)
	impatient.Patience = 50 * time.Millisecond
	if _, err := load.Write(t.Context(), strings.NewReader(records(20)), impatient); err == nil ||
		!strings.Contains(err.Error(), "CLUSTERDOWN") {
		t.Errorf("a dead cluster: got %v", err)
	}
	beyond := config(addrs...)
	beyond.From = load.Position{Bytes: 1 << 40}
	if _, err := load.Write(t.Context(), strings.NewReader(records(1)), beyond); !errors.Is(err, io.EOF) {
		t.Errorf("a position beyond the end: got %v", err)
	}
}

func TestProgressNeverGoesBack(t *testing.T) {
	_, addrs := startNodes(t, 2)
	lines := records(2000)
	var mu sync.Mutex
	var seen []load.Progress
	config := config(addrs...)
	config.ProgressInterval = time.Millisecond
	config.OnProgress = func(p load.Progress) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, p)
	}
	if _, err := load.Write(t.Context(), strings.NewReader(lines), config); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(seen); i++ {
		if seen[i].Bytes < seen[i-1].Bytes || seen[i].Records < seen[i-1].Records {
			t.Fatalf("%+v after %+v", seen[i], seen[i-1])
		}
	}
	if last := seen[len(seen)-1]; last.Bytes != int64(len(lines)) || last.Records != 2000 {
		t.Errorf("last: %+v", last)
	}
}
