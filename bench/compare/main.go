// Command compare measures KataKV side by side with durable Redis and prints the ratio of processor time per
// write and per read. Build katakv first:
//
//	make build
//	go run ./bench/compare -katakv bin/katakv
//	go run ./bench/compare                        # Redis alone, to check the machine
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/katakv/katakv/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	options := bench.Options{Progress: stderr}
	flags.StringVar(&options.Binary, "katakv", "", "path of a built katakv; without it Redis is measured alone")
	flags.IntVar(&options.Rounds, "rounds", 3, "measurements of each system and workload")
	flags.DurationVar(&options.Warmup, "warmup", 2*time.Second, "time before each measurement")
	flags.DurationVar(&options.Duration, "duration", 5*time.Second, "of each measurement")
	flags.StringVar(&options.Dir, "dir", "", "where both keep their data (default: here)")
	asJSON := flags.Bool("json", false, "print the whole report as JSON")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	report, err := bench.Compare(ctx, options)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "compare:", err)
		return 1
	}
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(report); err != nil {
			return 1
		}
		return 0
	}
	for _, line := range report.Figures() {
		_, _ = fmt.Fprintln(stdout, line)
	}
	return 0
}
