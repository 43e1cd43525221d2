package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/sim"
)

// changes are what the command line leaves out of a seed's plan.
type changes struct {
	without string
	clients int
	safety  time.Duration
	severed bool
	pebble  string
}

func (c *changes) register(flags *flag.FlagSet) {
	flags.StringVar(&c.without, "without", "", "kinds of fault to leave out, separated by commas; \"all\" leaves out every kind")
	flags.IntVar(&c.clients, "clients", 0, "number of clients (default: as drawn)")
	flags.DurationVar(&c.safety, "safety", 0, "how long faults may strike, in simulated time (default: as drawn)")
	flags.BoolVar(&c.severed, "severed", true, "let a minority stay cut off when the plan says so")
	flags.StringVar(&c.pebble, "pebble", "", "\"yes\" or \"no\" instead of what is drawn: the state in real Pebble")
}

// plan draws a seed's plan and applies the changes.
func (c *changes) plan(seed uint64) (sim.Plan, error) {
	p := sim.Draw(seed)
	if c.without == "all" {
		p.Faults = nil
	} else if c.without != "" {
		names := strings.Split(c.without, ",")
		for _, name := range names {
			if !slices.Contains(sim.FaultNames(), name) {
				return p, usagef("no fault is named %q: 'katasim faults' lists them", name)
			}
		}
		p = p.Without(names...)
	}
	if c.clients < 0 || c.safety < 0 {
		return p, usagef("--clients and --safety are not negative")
	}
	if c.clients > 0 {
		p.Workload.Clients = c.clients
	}
	if c.safety > 0 {
		p.Safety = c.safety
	}
	if !c.severed {
		p.Severed = sim.SeveredNot
	}
	switch c.pebble {
	case "":
	case "yes", "no":
		p.Options.Pebble = c.pebble == "yes"
	default:
		return p, usagef("--pebble is \"yes\" or \"no\", not %q", c.pebble)
	}
	return p, nil
}

// flags returns the command line that makes the changes.
func (c *changes) flags() string {
	var b strings.Builder
	if c.without != "" {
		fmt.Fprintf(&b, " --without %s", c.without)
	}
	if c.clients > 0 {
		fmt.Fprintf(&b, " --clients %d", c.clients)
	}
	if c.safety > 0 {
		fmt.Fprintf(&b, " --safety %v", c.safety)
	}
	if !c.severed {
		b.WriteString(" --severed=false")
	}
	if c.pebble != "" {
		fmt.Fprintf(&b, " --pebble %s", c.pebble)
	}
	return b.String()
}

// parse reads flags and exactly the positional arguments that are named.
func parse(flags *flag.FlagSet, args []string, stdout io.Writer, names ...string) ([]string, error) {
	flags.SetOutput(io.Discard)
	var given []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				flags.SetOutput(stdout)
				fmt.Fprintf(stdout, "Flags of katasim %s:\n", flags.Name())
				flags.PrintDefaults()
			}
			return nil, usageError{err}
		}
		if args = flags.Args(); len(args) > 0 { // flags may follow what they follow elsewhere
			given, args = append(given, args[0]), args[1:]
		}
	}
	if len(given) != len(names) {
		return nil, usagef("want %s, got %d arguments", strings.Join(append(names, "flags"), ", "), len(given))
	}
	return given, nil
}

// parseWithSeed reads flags and one seed.
func parseWithSeed(flags *flag.FlagSet, args []string, stdout io.Writer) (uint64, error) {
	given, err := parse(flags, args, stdout, "SEED")
	if err != nil {
		return 0, err
	}
	return parseSeed(given[0])
}

func parseSeed(text string) (uint64, error) {
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, usagef("the seed %q is not a decimal uint64", text)
	}
	return seed, nil
}
