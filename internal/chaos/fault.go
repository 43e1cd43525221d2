package chaos

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/katakv/katakv/internal/clock"
)

// FaultKind names one way to hurt a cluster.
type FaultKind string

// The kinds.
const (
	FaultKill      FaultKind = "kill"
	FaultTerminate FaultKind = "terminate"
	FaultPause     FaultKind = "pause"
	FaultPowerCut  FaultKind = "power cut" // of one node
	FaultCut       FaultKind = "cut"       // of a pair of nodes
	FaultOneWay    FaultKind = "one-way cut"
	FaultIsolate   FaultKind = "isolation"
	FaultReset     FaultKind = "reset" // of connections
	FaultDegrade   FaultKind = "bad network"
	FaultSyncError FaultKind = "fsync error"
	FaultDiskFull  FaultKind = "full disk"
	FaultSlowDisk  FaultKind = "slow disk"
)

// Fault is something that was done to the cluster. Times count from the start of the workload.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Node is who was hurt; zero for a link or the network.
	Node int           `json:"node,omitempty"`
	Text string        `json:"text"`
	From time.Duration `json:"from"`
	// To is when it was over; zero if it never was.
	To time.Duration `json:"to,omitempty"`
}

// faultLog collects faults and tells of them as they happen.
type faultLog struct {
	progress io.Writer
	mu       struct {
		sync.Mutex
		began  time.Duration
		faults []*Fault
	}
}

// start sets the time that faults count from.
func (l *faultLog) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.began = clock.Monotonic()
}

// begin notes a fault and returns what notes its end, which may be called again.
func (l *faultLog) begin(kind FaultKind, node int, format string, args ...any) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &Fault{Kind: kind, Node: node, Text: fmt.Sprintf(format, args...), From: clock.Monotonic() - l.mu.began}
	l.mu.faults = append(l.mu.faults, f)
	_, _ = fmt.Fprintf(l.progress, "%8.1fs  %s: %s\n", f.From.Seconds(), f.Kind, f.Text)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if f.To == 0 {
			f.To = clock.Monotonic() - l.mu.began
		}
	}
}

// say tells of something that is no fault.
func (l *faultLog) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.progress, "%8.1fs  %s\n", (clock.Monotonic() - l.mu.began).Seconds(), fmt.Sprintf(format, args...))
}

// endAll ends what is still open: everything has been healed.
func (l *faultLog) endAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.mu.faults {
		if f.To == 0 {
			f.To = clock.Monotonic() - l.mu.began
		}
	}
}

// all returns the faults so far.
func (l *faultLog) all() []Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	faults := make([]Fault, len(l.mu.faults))
	for i, f := range l.mu.faults {
		faults[i] = *f
	}
	return faults
}
