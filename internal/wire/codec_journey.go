package wire

import (
	"encoding/binary"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/journey"
)

// wantsReport stands at the end of a Forward that asks for a report.
const wantsReport = 1

func (d *decoder) wantsReport() bool {
	if len(d.data) == 0 {
		return false
	}
	if b := d.byte(); b != wantsReport {
		d.fail("%d behind the operations", b)
		return false
	}
	return true
}

// A report is
//
//	count dropped (uvarints), and for each step kind(1 B) role(1 B) later node shard peer term index (uvarints) code(1 B)
//
// where later is the time since the step before, in nanoseconds. A report without steps is left out.
func appendReport(dst []byte, r *journey.Report) []byte {
	if len(r.Steps) == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Steps)))
	dst = binary.AppendUvarint(dst, uint64(r.Dropped))
	before := time.Duration(0)
	for i := range r.Steps {
		s := &r.Steps[i]
		dst = append(dst, byte(s.Kind), byte(s.Role))
		for _, n := range [...]uint64{
			uint64(s.At - before), uint64(s.Node), uint64(s.Shard), uint64(s.Peer), uint64(s.Term), uint64(s.Index),
		} {
			dst = binary.AppendUvarint(dst, n)
		}
		dst = append(dst, byte(s.Code))
		before = s.At
	}
	return dst
}

func (d *decoder) report() journey.Report {
	var r journey.Report
	if len(d.data) == 0 {
		return r
	}
	count, dropped := d.count(journey.MaxSteps), d.uint32()
	if count == 0 {
		d.fail("a report without steps")
		return r
	}
	r.Steps, r.Dropped = make([]journey.Step, 0, count), int(dropped)
	before := time.Duration(0)
	for range count {
		s := d.step(before)
		before = s.At
		r.Steps = append(r.Steps, s)
	}
	return r
}

// maxReportTime bounds the times of a report: nothing waits for as long.
const maxReportTime = 24 * time.Hour

func (d *decoder) step(before time.Duration) journey.Step {
	s := journey.Step{Kind: journey.Kind(d.byte()), Role: journey.Role(d.byte())}
	later := d.uvarint()
	if later > uint64(maxReportTime-before) {
		d.fail("a step %d ns after the one before", later)
		return s
	}
	s.At = before + time.Duration(later)
	s.Node, s.Shard, s.Peer = katakv.NodeID(d.uvarint()), katakv.ShardID(d.uvarint()), katakv.NodeID(d.uvarint())
	s.Term, s.Index, s.Code = katakv.Term(d.uvarint()), katakv.Index(d.uvarint()), katakv.Code(d.byte())
	if !s.Kind.Valid() || !s.Role.Valid() || !s.Code.Valid() {
		d.fail("step of kind %d, role %d, code %d: a newer version sent it", s.Kind, s.Role, s.Code)
	}
	return s
}
