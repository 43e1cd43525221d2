package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/check"
)

// Workload says what the clients do.
type Workload struct {
	Clients int
	// Readers is how many of them only read, each from one node for the whole run: nothing else keeps on asking a node
	// that no longer leads without knowing it.
	Readers int
	// Loyal is the probability that another client stays with one node until that does not answer.
	Loyal float64
	// Once is the probability that a client gives its writes request ids, and sends again for RetryFor what it does not
	// know the outcome of.
	Once     float64
	RetryFor time.Duration
	// Levels is the probability that a client does not read at the default level but at another one, for the whole run.
	Levels float64
	// Sweeping lets clients delete what is left of the registers of the generation before: shards get empty.
	Sweeping bool
	// Think is the longest pause between two commands of a client.
	Think time.Duration
	// Registers, Counters and Lists are how many keys of each sort a generation has; Groups is how many hash tags,
	// each with groupKeys keys.
	Registers, Counters, Lists, Groups int
	// Generation is how long the keys of one generation are used. A key's history must stay short: what the checker
	// has to do grows with it, and with every write of unknown outcome.
	Generation time.Duration
	// Pipeline is the largest number of commands sent at once.
	Pipeline int
	// LargeBytes is the largest size of values that are padded, one in LargeOneIn.
	LargeBytes, LargeOneIn int
}

const (
	// groupKeys is how many keys share a hash tag.
	groupKeys = 3
	// sweepOneIn is how rare it is that a sweeping client deletes what an earlier generation left.
	sweepOneIn = 3
	// padMark stands around the size of a padded value: "id~size~xxxx".
	padMark = "~"
)

// mostUnknown is how many writes of unknown outcome a key, or all keys of a tag, may have before another one takes its
// place: what the checker has to do doubles with nearly each of them.
const mostUnknown = 6

// generator makes up commands.
type generator struct {
	load    Workload
	rng     *rand.Rand
	values  int
	prefix  string         // makes values unique among clients
	unknown map[string]int // writes of unknown outcome by the name of their key or tag, of all clients
	// readOnly leaves out what writes.
	readOnly bool
	records  records
}

// next makes up a command for the generation of the moment.
func (g *generator) next(now time.Duration) check.Operation {
	generation := int(now / g.load.Generation)
	if g.load.Sweeping && !g.readOnly && generation > 0 && g.rng.IntN(sweepOneIn) == 0 {
		return check.Operation{Kind: check.Del, Keys: []string{g.name("register", generation-1, g.rng.IntN(g.load.Registers))}}
	}
	sorts := [...]int{g.load.Registers, g.load.Counters, g.load.Lists, g.load.Groups * groupKeys}
	at := g.rng.IntN(sorts[0] + sorts[1] + sorts[2] + sorts[3])
	for sort, n := range sorts {
		if at < n {
			return g.onKey(sort, generation, at)
		}
		at -= n
	}
	panic("BUG: no key was drawn")
}

func (g *generator) onKey(sort, generation, at int) check.Operation {
	for {
		if op := g.draw(sort, generation, at); !g.readOnly || !op.Kind.Writes() {
			return op
		}
	}
}

func (g *generator) draw(sort, generation, at int) check.Operation {
	switch sort {
	case 0:
		return g.register(g.name("register", generation, at))
	case 1:
		return g.counter(g.name("counter", generation, at))
	case 2:
		return g.list(g.name("list", generation, at))
	default:
		return g.group(g.name("group", generation, at/groupKeys))
	}
}

// name returns the name of a key or tag: the first one of its place that has not met too many unknown outcomes.
func (g *generator) name(sort string, generation, at int) string {
	for version := 0; ; version++ {
		name := fmt.Sprintf("%s:%d:%d:%d", sort, generation, at, version)
		if g.unknown[name] < mostUnknown {
			return name
		}
	}
}

// nameOf returns the name in a key: the tag of a key that has one.
func nameOf(key string) string {
	if tag, _, found := strings.Cut(strings.TrimPrefix(key, "{"), "}"); found {
		return tag
	}
	return key
}

// onceOnly reports whether a key is written by one kind of operation only, by which [check.ExactlyOnce] can judge it.
func onceOnly(key string) bool {
	return strings.HasPrefix(key, "counter:") || strings.HasPrefix(key, "list:")
}

// value makes up a value that nobody else writes.
func (g *generator) value() string {
	g.values++
	v := fmt.Sprintf("%s.%d", g.prefix, g.values)
	if g.load.LargeBytes > 0 && g.rng.IntN(max(g.load.LargeOneIn, 1)) == 0 {
		size := g.rng.IntN(g.load.LargeBytes)
		v = fmt.Sprintf("%s%s%d%s%s", v, padMark, size, padMark, strings.Repeat("x", size))
	}
	return v
}

func (g *generator) register(key string) check.Operation {
	op := check.Operation{Keys: []string{key}}
	switch g.rng.IntN(15) {
	case 12, 13, 14:
		g.compareAndSet(&op)
	case 0, 1, 2, 3:
		op.Kind = check.Get
	case 4, 5, 6:
		op.Kind, op.Values = check.Set, []string{g.value()}
	case 7:
		op.Kind, op.Values = check.Set, []string{g.value()}
		op.Options = pick(g.rng, check.IfAbsent, check.IfPresent, check.WithGet, check.IfPresent|check.WithGet)
	case 8:
		op.Kind, op.Values = check.SetNX, []string{g.value()}
	case 9:
		op.Kind = check.Del
	case 10:
		op.Kind = check.Strlen
	default:
		op.Kind = check.Exists
	}
	return op
}

func (g *generator) counter(key string) check.Operation {
	op := check.Operation{Keys: []string{key}, Kind: check.Get}
	if g.rng.IntN(3) > 0 {
		op.Kind, op.Delta = check.IncrBy, 1
	}
	return op
}

func (g *generator) list(key string) check.Operation {
	op := check.Operation{Keys: []string{key}, Kind: check.Get}
	if g.rng.IntN(3) > 0 {
		op.Kind = check.Append
		g.values++
		op.Values = []string{fmt.Sprintf("%s.%d;", g.prefix, g.values)}
	}
	return op
}

// group works on several keys of one hash tag at once.
func (g *generator) group(tag string) check.Operation {
	keys := make([]string, groupKeys)
	for i := range keys {
		keys[i] = fmt.Sprintf("{%s}:%d", tag, i)
	}
	g.rng.Shuffle(groupKeys, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	keys = keys[:1+g.rng.IntN(groupKeys)]
	op := check.Operation{Keys: keys}
	switch g.rng.IntN(6) {
	case 0, 1:
		op.Kind = check.MSet
		for range keys {
			g.values++
			op.Values = append(op.Values, fmt.Sprintf("%s.%d", g.prefix, g.values))
		}
	case 2:
		op.Kind = check.Del
	case 3:
		op.Kind = check.Exists
	default:
		op.Kind = check.MGet
	}
	return op
}
