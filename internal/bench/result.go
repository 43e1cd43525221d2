package bench

import "time"

// Result is what a run measured. Its JSON form is what `katakv bench --json` prints.
type Result struct {
	// Seconds is the measured time.
	Seconds float64 `json:"seconds"`
	// Operations counts those that succeeded within it.
	Operations          int64   `json:"operations"`
	OperationsPerSecond float64 `json:"operationsPerSecond"`
	// Reads and Writes are the two kinds; nil when there were none.
	Reads  *Latency `json:"reads,omitempty"`
	Writes *Latency `json:"writes,omitempty"`

	// Errors counts failed operations by the prefix of the error reply. "CONNECTION" and "TIMEOUT" stand for
	// those whose connection broke or did not answer, "WAIT" for writes that too few replicas confirmed.
	Errors map[string]int64 `json:"errors"`
	// FirstErrors holds the text of the first error of each kind.
	FirstErrors map[string]string `json:"firstErrors,omitempty"`
	// Redirects counts MOVED replies; the operation was then sent to the right node, and is no error.
	Redirects int64 `json:"redirects"`

	// Misses counts reads, among the successful ones, of keys that were not there.
	Misses int64 `json:"misses"`

	// ServerMicrosPerOperation is the CPU time of all servers together, user and system, for one operation.
	ServerMicrosPerOperation float64 `json:"serverMicrosPerOperation"`
	// The cores that the servers, this process, and all else on the machine kept busy.
	ServerCores    float64  `json:"serverCores"`
	ClientCores    float64  `json:"clientCores"`
	OtherCores     float64  `json:"otherCores"`
	ServerRSSBytes int64    `json:"serverRSSBytes"`
	Servers        []Server `json:"servers,omitempty"`
}

// Server is what one process used.
type Server struct {
	PID       int   `json:"pid"`
	CPUMicros int64 `json:"cpuMicros"`
	RSSBytes  int64 `json:"rssBytes"`
}

// Latency describes the times from sending a round to the reply, in microseconds.
type Latency struct {
	Operations int64   `json:"operations"`
	MeanMicros float64 `json:"meanMicros"`
	P50Micros  float64 `json:"p50Micros"`
	P95Micros  float64 `json:"p95Micros"`
	P99Micros  float64 `json:"p99Micros"`
	P999Micros float64 `json:"p999Micros"`
	MaxMicros  float64 `json:"maxMicros"`
}

// newLatency returns nil for an empty histogram.
func newLatency(h *Histogram) *Latency {
	if h.Count() == 0 {
		return nil
	}
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	return &Latency{
		Operations: int64(h.Count()),
		MeanMicros: micros(h.Mean()),
		P50Micros:  micros(h.Quantile(0.5)),
		P95Micros:  micros(h.Quantile(0.95)),
		P99Micros:  micros(h.Quantile(0.99)),
		P999Micros: micros(h.Quantile(0.999)),
		MaxMicros:  micros(h.Max()),
	}
}

// tally is what one worker counted.
type tally struct {
	reads, writes Histogram
	errors        map[string]int64
	firstErrors   map[string]string
	redirects     int64
	misses        int64
}

// fail counts n failed operations.
func (t *tally) fail(kind, text string, n int) {
	if t.errors == nil {
		t.errors, t.firstErrors = map[string]int64{}, map[string]string{}
	}
	t.errors[kind] += int64(n)
	if t.firstErrors[kind] == "" {
		t.firstErrors[kind] = text
	}
}

// newResult adds up what the workers counted in the measured time.
func newResult(tallies []*tally, measured time.Duration) *Result {
	r := &Result{Seconds: measured.Seconds(), Errors: map[string]int64{}, FirstErrors: map[string]string{}}
	var reads, writes Histogram
	for _, t := range tallies {
		reads.Merge(&t.reads)
		writes.Merge(&t.writes)
		r.Redirects += t.redirects
		r.Misses += t.misses
		for kind, n := range t.errors {
			r.Errors[kind] += n
			if r.FirstErrors[kind] == "" {
				r.FirstErrors[kind] = t.firstErrors[kind]
			}
		}
	}
	r.Operations = int64(reads.Count() + writes.Count())
	if r.Seconds > 0 {
		r.OperationsPerSecond = float64(r.Operations) / r.Seconds
	}
	r.Reads, r.Writes = newLatency(&reads), newLatency(&writes)
	return r
}
