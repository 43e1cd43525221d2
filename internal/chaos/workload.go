package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/check"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/placement"
)

const (
	// lanesPerShard gives each shard keys of every kind.
	lanesPerShard = 6

	// maxPipeline is how many operations a client sends at once when it does not wait for each.
	maxPipeline = 8

	// Of a hundred exchanges, so many are pipelines; of a thousand, so many are followed by a new connection.
	pipelinePercent   = 12
	reconnectPermille = 3

	// clusterEvery lets each fourth client use the cluster port and follow redirects.
	clusterEvery = 4

	// Each node has so many readers that stay with it, and so often they read.
	readersPerNode = 2
	readerPause    = 30 * time.Millisecond

	// retryPause keeps a client that meets a dead node from spinning.
	retryPause = 20 * time.Millisecond
)

// readerTimeouts are how long the readers of a node wait: shorter than an election, and a little longer.
var readerTimeouts = [readersPerNode]time.Duration{200 * time.Millisecond, time.Second}

// workload is clients that work on lanes until it is stopped.
type workload struct {
	lanes   []*lane
	workers []*worker
	streams []*stream
	tally   *tally
	stopped atomic.Bool
	stop    chan struct{}
	group   sync.WaitGroup
}

// workloadConfig says how many clients ask for how much.
type workloadConfig struct {
	doors   []placement.Addresses // of all nodes; clients use the cluster ports only if there are any
	shards  []shardSlots
	clients int
	rate    int // operations a second that all clients aim at together
	seed    uint64
	tally   *tally
}

func newWorkload(c *workloadConfig) *workload {
	w := &workload{lanes: newLanes(lanesPerShard*len(c.shards), c.shards), tally: c.tally, stop: make(chan struct{})}
	pause := time.Duration(float64(time.Second) * float64(c.clients) / float64(c.rate))
	var plain, cluster []string
	for _, d := range c.doors {
		plain = append(plain, d.Plain)
		if d.Cluster != "" {
			cluster = append(cluster, d.Cluster)
		}
	}
	for i := range c.clients {
		rng := rand.New(rand.NewPCG(c.seed, uint64(i)))
		options := client.Options{Timeout: clientTimeouts[i%len(clientTimeouts)]}
		var d door = &plainDoor{addrs: plain, turn: i, options: options, tally: c.tally}
		if i%clusterEvery == clusterEvery-1 && len(cluster) > 0 {
			d = &clusterDoor{
				addrs: cluster, turn: i, options: options, tally: c.tally,
				conns: map[string]*client.Conn{}, owners: map[katakv.Slot]string{},
			}
		}
		w.workers = append(w.workers, &worker{workload: w, rng: rng, door: d, pause: pause, generator: &generator{client: i, rng: rng}})
	}
	w.addReaders(c, plain)
	w.streams = newStreams(c, plain)
	return w
}

// addReaders adds clients that only read, each from one node that it never leaves. The other clients soon wait for a
// write or turn away from a node that is in trouble; these are who would meet a deposed leader that answers reads
// still. They give up soon, since a read that was sent before others wrote proves nothing.
func (w *workload) addReaders(c *workloadConfig, plain []string) {
	for i := range readersPerNode * len(plain) {
		number := c.clients + i
		rng := rand.New(rand.NewPCG(c.seed, uint64(number)))
		options := client.Options{Timeout: readerTimeouts[i/len(plain)]}
		w.workers = append(w.workers, &worker{
			workload: w, rng: rng, pause: readerPause, reads: true, generator: &generator{client: number, rng: rng},
			door: &plainDoor{addrs: []string{plain[i%len(plain)]}, options: options, tally: c.tally},
		})
	}
}

// start lets all clients work.
func (w *workload) start() {
	for _, worker := range w.workers {
		w.group.Go(worker.run)
	}
	for _, s := range w.streams {
		w.group.Go(func() { s.run(w) })
	}
}

// halt lets every client finish what it does and waits for all. It may be called again.
func (w *workload) halt() {
	if !w.stopped.Swap(true) {
		close(w.stop)
	}
	w.group.Wait()
}

// wait waits, and reports false when the workload ends meanwhile.
func (w *workload) wait(d time.Duration) bool {
	select {
	case <-w.stop:
		return false
	default:
	}
	timer := clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.stop:
		return false
	case <-timer.C:
		return true
	}
}

// history returns what all clients did and saw, once they have been halted.
func (w *workload) history() check.History {
	var all check.History
	for _, worker := range w.workers {
		all = append(all, worker.history...)
	}
	slices.SortStableFunc(all, func(a, b check.Operation) int { return int(a.Call - b.Call) })
	return all
}

// worker is one client. Its fields belong to its goroutine while it runs.
type worker struct {
	workload  *workload
	rng       *rand.Rand
	generator *generator
	door      door
	pause     time.Duration // the mean between two operations
	reads     bool          // it does nothing else
	history   check.History
}

func (k *worker) run() {
	ctx := context.Background() // an operation is never cut off: it ends by itself, within the client's time limit
	defer k.door.close()
	for {
		count := 1
		if !k.reads && k.rng.IntN(100) < pipelinePercent {
			count = 2 + k.rng.IntN(maxPipeline-1)
		}
		pause := time.Duration(k.rng.ExpFloat64() * float64(k.pause) * float64(count))
		if !k.workload.wait(min(pause, time.Second)) {
			return
		}
		if !k.exchange(ctx, count) && !k.workload.wait(retryPause) {
			return
		}
		if k.rng.IntN(1000) < reconnectPermille {
			k.door.close()
		}
	}
}

// exchange makes up operations, sends them and records what came of them. It reports false when it went badly.
func (k *worker) exchange(ctx context.Context, count int) bool {
	calls := make([]*call, count)
	lanes, generations := make([]*lane, count), make([]*generation, count)
	at := k.rng.IntN(len(k.workload.lanes))
	for i := range calls {
		if k.rng.IntN(2) == 0 { // so that pipelines have neighbours on one key
			at = k.rng.IntN(len(k.workload.lanes))
		}
		lanes[i] = k.workload.lanes[at]
		generations[i] = lanes[i].take(1, clock.Monotonic())
		invent := k.generator.next
		if k.reads {
			invent = k.generator.read
		}
		calls[i] = &call{op: invent(lanes[i].kind, generations[i].keys)}
	}
	if !k.door.exchange(ctx, calls) {
		return false
	}
	good := true
	for i, c := range calls {
		settle(c, k.workload.tally)
		k.history = append(k.history, c.op)
		if c.op.Outcome == katakv.OutcomeUnknown {
			lanes[i].missed(generations[i])
		}
		good = good && c.err == nil
	}
	return good
}

// settle fills in the outcome of a call and its answer.
func settle(c *call, t *tally) {
	c.op.Outcome = client.OutcomeOf(c.err)
	if c.err != nil {
		t.fail(c.err)
		if !c.op.Kind.Writes() {
			c.op.Outcome = katakv.OutcomeNotApplied
		}
	} else {
		var err error
		if c.op.Reply, err = reply(c.value); err != nil {
			t.violate("%v %q: %v", c.op.Kind, c.op.Keys, err)
			c.op.Outcome = katakv.OutcomeUnknown
		}
	}
	if c.op.Outcome == katakv.OutcomeUnknown {
		c.op.Return = check.Never
	}
	t.count(c.op.Outcome)
}
