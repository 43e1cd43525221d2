// Command dump writes records for tests, one JSON object a line: those of the package index that it reads from
// standard input, or made-up ones.
//
//	apt-cache dumpavail | go run ./test/realdata/dump > packages.ndjson
//	go run ./test/realdata/dump -synthetic 60000 -seed 1 > packages.ndjson
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/katakv/katakv/test/realdata"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("dump", flag.ContinueOnError)
	flags.SetOutput(stderr)
	synthetic := flags.Int("synthetic", 0, "write so many made-up records instead")
	seed := flags.Uint64("seed", 1, "of made-up records")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *synthetic > 0 {
		if err := realdata.Synthetic(stdout, *synthetic, *seed); err != nil {
			_, _ = fmt.Fprintln(stderr, "dump:", err)
			return 1
		}
		return 0
	}
	records, err := realdata.Convert(stdin, stdout)
	if err == nil && records == 0 {
		err = fmt.Errorf("no records on standard input; try: apt-cache dumpavail | dump, or dump -synthetic 60000")
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "dump:", err)
		return 1
	}
	return 0
}
