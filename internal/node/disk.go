package node

import (
	"fmt"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/replica"
)

const (
	// diskInterval is how often free space is looked at: at full speed a disk loses some 100 MiB meanwhile.
	diskInterval = 250 * time.Millisecond

	// lowWaterBytes is the free space below which a node refuses its clients' writes: enough for what followers
	// must still take from other leaders, and for flushes and compactions of what is there. On a small file
	// system it is lowWaterFraction of the whole.
	lowWaterBytes    = 512 << 20
	lowWaterFraction = 5

	// roomFraction is the part of the low water mark that must be free beyond it before writes are taken again.
	roomFraction = 4

	// criticalFraction is the part of the low water mark below which the node stops, while it still can in
	// good order: a write that fails halfway stops it anyway.
	criticalFraction = 4
)

// watchDisk refuses writes while the disk is nearly full and stops the node before it is.
func (n *Node) watchDisk() {
	ticker := clock.NewTicker(diskInterval)
	defer ticker.Stop()
	for {
		select {
		case <-n.group.Stopped():
			return
		case <-ticker.C:
			free, total, err := n.dir.Space()
			if err != nil {
				n.cfg.Logger.Warn("read free disk space", "error", err)
				continue
			}
			n.judgeSpace(free, total)
		}
	}
}

func (n *Node) judgeSpace(free, total uint64) {
	low := min(lowWaterBytes, total/lowWaterFraction)
	if free < low/criticalFraction {
		n.fail(fmt.Errorf("only %d MiB are free for %s: free space, then start the node again (nothing acknowledged is lost)",
			free>>20, n.dir.Path()))
		return
	}
	// Flushes and compactions move the free space up and down: writes are not taken again just above the mark.
	full := free < low || (n.readOnly.Load() && free < low+low/roomFraction)
	if n.readOnly.Swap(full) != full {
		if full {
			n.cfg.Logger.Error("the disk is nearly full: writes are refused", "freeBytes", free, "lowWaterBytes", low)
		} else {
			n.cfg.Logger.Info("the disk has room again: writes are accepted", "freeBytes", free)
		}
	}
}

// admit returns the requests that may go to a core: while the disk is nearly full, no writes.
func (n *Node) admit(requests []*replica.Request) []*replica.Request {
	if !n.readOnly.Load() {
		return requests
	}
	var admitted []*replica.Request
	var refused []replica.Completion
	for _, r := range requests {
		if !r.Writes() {
			admitted = append(admitted, r)
			continue
		}
		refused = append(refused, replica.Completion{Request: r, Err: katakv.Errorf(katakv.CodeReadOnly,
			"the disk of the node that leads this slot is nearly full, writes are refused: free space there, then retry")})
	}
	n.coreAnswered(nil, refused)
	return admitted
}
