package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/katakv/katakv/internal/bench"
	"github.com/katakv/katakv/internal/figures"
)

// Options of a comparison.
type Options struct {
	// Binary is the path of a built katakv; empty to measure Redis alone.
	Binary string
	// Rounds is how often each system is measured with each workload.
	Rounds int
	// Workloads are the loads; nil for all that there are.
	Workloads []Workload
	// Warmup and Duration are the times of one measurement.
	Warmup, Duration time.Duration
	// Dir is where the temporary directory is made; empty for the current one, which is on a disk.
	Dir string
	// Progress receives a line for each measurement; nil for none.
	Progress io.Writer
}

// Workload is a load that both systems get: 128-byte values, 100,000 keys, 64 connections, writes or reads only.
type Workload struct {
	Name  string `json:"name"`
	Depth int    `json:"depth"` // of the pipeline
	Reads bool   `json:"reads"`
}

const (
	workloadKeys        = 100_000
	workloadConnections = 64
	workloadValueBytes  = 128

	// fillDepth is the depth of the pipelines that write all keys before anything is measured.
	fillDepth = 16
)

// Writes are the loads of the bar that issue 2 sets.
func Writes() []Workload {
	return []Workload{{Name: "set64", Depth: 1}, {Name: "set64p16", Depth: 16}}
}

// Reads are those of issue 4's: GET at the leaders, which KataKV answers linearizably.
func Reads() []Workload { return []Workload{{Name: "get64", Depth: 1, Reads: true}} }

// Report is what a comparison measured.
type Report struct {
	Workloads []WorkloadReport `json:"workloads"`
}

// WorkloadReport is one workload.
type WorkloadReport struct {
	Workload
	Rounds []Round `json:"rounds"`
	// Ratio is KataKV's processor time per operation divided by Redis' of the same round; nil without KataKV.
	Ratio  *Range `json:"ratio,omitempty"`
	Redis  Range  `json:"redisMicrosPerOperation"`
	KataKV *Range `json:"katakvMicrosPerOperation,omitempty"`
}

// Round is one measurement of each system, one right after the other.
type Round struct {
	Redis  *bench.Result `json:"redis"`
	KataKV *bench.Result `json:"katakv,omitempty"`
	Ratio  float64       `json:"ratio,omitempty"`
}

// Range is a median with the least and largest value.
type Range struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func newRange(values []float64) *Range {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (median + sorted[middle-1]) / 2
	}
	return &Range{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}
}

// Compare measures both systems. It returns [ErrNoRedis] when Redis is not installed, and an error when any
// operation failed: a system that refuses work is not measured by what it still does.
func Compare(ctx context.Context, options Options) (report *Report, err error) {
	if options.Dir == "" {
		options.Dir = "."
	}
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	dir, err := os.MkdirTemp(options.Dir, "katakv-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	redis, err := startRedis(ctx, dir, redisMasters, redisReplicas)
	if err != nil {
		return nil, err
	}
	defer redis.stop()
	systems := []*system{redis, nil}
	if options.Binary != "" {
		katakv, err := startKataKV(ctx, options.Binary, dir)
		if err != nil {
			return nil, err
		}
		defer katakv.stop()
		systems[1] = katakv
	}
	return measure(ctx, options, systems[0], systems[1])
}

// measure runs all rounds. katakv may be nil.
func measure(ctx context.Context, options Options, redis, katakv *system) (*Report, error) {
	report := &Report{}
	if options.Workloads == nil {
		options.Workloads = slices.Concat(Writes(), Reads())
	}
	for _, workload := range options.Workloads {
		report.Workloads = append(report.Workloads, WorkloadReport{Workload: workload})
	}
	for _, s := range []*system{redis, katakv} {
		if s != nil {
			if err := bench.Fill(ctx, s.config(Workload{Depth: fillDepth}, options, 0)); err != nil {
				return nil, err
			}
		}
	}
	for n := range options.Rounds {
		for i := range report.Workloads {
			round, err := measureRound(ctx, options, report.Workloads[i].Workload, redis, katakv, uint64(n))
			if err != nil {
				return nil, err
			}
			report.Workloads[i].Rounds = append(report.Workloads[i].Rounds, *round)
		}
	}
	for i := range report.Workloads {
		report.Workloads[i].summarize()
	}
	return report, nil
}

// measureRound measures both systems, in an order that alternates.
func measureRound(
	ctx context.Context, options Options, workload Workload, redis, katakv *system, n uint64,
) (*Round, error) {
	round := &Round{}
	steps := []func() error{
		func() (err error) {
			config := redis.config(workload, options, n)
			if !workload.Reads {
				config.WaitReplicas = 1
			}
			round.Redis, err = run(ctx, options, config, "redis", workload)
			return err
		},
		func() (err error) {
			if katakv == nil {
				return nil
			}
			round.KataKV, err = run(ctx, options, katakv.config(workload, options, n), "katakv", workload)
			return err
		},
	}
	if n%2 == 1 {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	if katakv != nil {
		round.Ratio = round.KataKV.ServerMicrosPerOperation / round.Redis.ServerMicrosPerOperation
	}
	return round, nil
}

func (s *system) config(workload Workload, options Options, seed uint64) bench.Config {
	reads := 0
	if workload.Reads {
		reads = 100
	}
	return bench.Config{
		Addrs: s.addrs, Cluster: true, Connections: workloadConnections, Pipeline: workload.Depth, ValueBytes: workloadValueBytes,
		Keys: workloadKeys, ReadPercent: reads, Warmup: options.Warmup, Duration: options.Duration, Seed: seed,
		Proc: os.DirFS("/proc"), ServerPIDs: s.pids,
	}
}

func run(ctx context.Context, options Options, config bench.Config, name string, workload Workload) (*bench.Result, error) {
	result, err := bench.Run(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, workload.Name, err)
	}
	if len(result.Errors) > 0 || result.Operations == 0 {
		return nil, fmt.Errorf("%s %s: %d operations, errors: %v", name, workload.Name, result.Operations, result.FirstErrors)
	}
	latencies := result.Writes
	if workload.Reads {
		latencies = result.Reads
	}
	_, _ = fmt.Fprintf(options.Progress,
		"%-6s %-8s %6.1f us/op %7.0f op/s  p50 %6.2f ms  p99 %6.2f ms  servers %.2f client %.2f other %.2f cores  RSS %d MiB\n",
		name, workload.Name, result.ServerMicrosPerOperation, result.OperationsPerSecond, latencies.P50Micros/1000,
		latencies.P99Micros/1000, result.ServerCores, result.ClientCores, result.OtherCores, result.ServerRSSBytes>>20)
	return result, nil
}

func (w *WorkloadReport) summarize() {
	var redis, katakv, ratios []float64
	for _, round := range w.Rounds {
		redis = append(redis, round.Redis.ServerMicrosPerOperation)
		if round.KataKV != nil {
			katakv = append(katakv, round.KataKV.ServerMicrosPerOperation)
			ratios = append(ratios, round.Ratio)
		}
	}
	if r := newRange(redis); r != nil {
		w.Redis = *r
	}
	w.KataKV, w.Ratio = newRange(katakv), newRange(ratios)
}

// Figures returns the report as lines that internal/figures understands.
func (r *Report) Figures() []string {
	var lines []string
	for _, w := range r.Workloads {
		add := func(name string, value float64, unit string) {
			if w.Reads {
				name += " of GET"
			}
			lines = append(lines, figures.Line(fmt.Sprintf("%s depth %d", name, w.Depth), float64(int64(value*1000+0.5))/1000, unit))
		}
		add("Redis CPU", w.Redis.Median, "us/op")
		if w.Ratio != nil {
			add("KataKV CPU", w.KataKV.Median, "us/op")
			add("CPU ratio", w.Ratio.Median, "")
			add("least CPU ratio", w.Ratio.Min, "")
			add("largest CPU ratio", w.Ratio.Max, "")
		}
	}
	return lines
}
