package journey

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/katakv/katakv"
)

// Timeline draws a report for people: a line for each step, with a lane for each node, so that one sees who waits for whom.
//
//	    at ms       +ms   n1  n2  n3
//	    0.000             ●   │   │   router    received from the client
//	    0.021     0.021   ●──▶│   │   router    forwarded to n2
//	~   0.190     0.169   │   ●   │   router    received the forward
//
// A tilde marks times that another node told, which may be off by what the last line says. Each line ends with a line
// feed; without steps there is none.
func Timeline(r Report) string {
	if len(r.Steps) == 0 {
		return ""
	}
	t := timeline{lanes: lanesOf(r.Steps)}
	t.head()
	before := time.Duration(0)
	for i := range r.Steps {
		t.step(&r.Steps[i], before)
		before = r.Steps[i].At
	}
	t.foot(r)
	return t.out.String()
}

// timeline is one being drawn.
type timeline struct {
	out    strings.Builder
	lanes  []katakv.NodeID
	margin time.Duration // the greatest
}

// lanesOf returns the nodes that took part, in order.
func lanesOf(steps []Step) []katakv.NodeID {
	var lanes []katakv.NodeID
	for i := range steps {
		for _, node := range []katakv.NodeID{steps[i].Node, steps[i].Peer} {
			if node != 0 {
				lanes = append(lanes, node)
			}
		}
	}
	slices.Sort(lanes)
	return slices.Compact(lanes)
}

// gap stands between two lanes, and behind the last.
const gap = 3

// width is what a lane takes: its mark, or the longest name, and the gap.
func (t *timeline) width() int {
	longest := t.lanes[len(t.lanes)-1].String()
	return max(gap+1, len(longest)+2)
}

func (t *timeline) head() {
	names := ""
	for _, node := range t.lanes {
		names += pad(node.String(), t.width())
	}
	fmt.Fprintf(&t.out, "  %8s  %8s   %s\n", "at ms", "+ms", strings.TrimRight(names, " "))
}

func (t *timeline) step(s *Step, before time.Duration) {
	mark, later := " ", ""
	if s.Margin > 0 {
		mark, t.margin = "~", max(t.margin, s.Margin)
	}
	if s.At > before {
		later = milliseconds(s.At - before)
	}
	fmt.Fprintf(&t.out, "%s %8s  %8s   %s%-8s  %s\n", mark, milliseconds(s.At), later, t.lane(s), s.Role, s.Text())
}

// lane draws the lanes beside a step: who did it, and between whom something passed.
func (t *timeline) lane(s *Step) string {
	width := t.width()
	row := []rune(strings.Repeat("│"+strings.Repeat(" ", width-1), len(t.lanes)))
	at := slices.Index(t.lanes, s.Node) * width
	if at >= 0 {
		row[at] = '●'
	}
	other := slices.Index(t.lanes, s.Peer) * width
	if at >= 0 && other >= 0 && at != other {
		drawArrow(row, at, other, s.Kind)
	}
	return string(row)
}

// drawArrow draws what went from one lane to another: from who did the step, or to it.
func drawArrow(row []rune, at, other int, k Kind) {
	from, to := at, other
	switch k {
	case Forwarded, Sent, LeaderAsked:
	case Durable, Heard, Refused:
		from, to = other, at
	default:
		return // its peer takes no part in it
	}
	step := 1
	if to < from {
		step = -1
	}
	for i := from + step; i != to; i += step {
		row[i] = '─'
	}
	row[to-step] = '▶'
	if step < 0 {
		row[to-step] = '◀'
	}
}

func (t *timeline) foot(r Report) {
	if t.margin > 0 {
		fmt.Fprintf(&t.out, "~ told by another node, whose clock is not compared: right to within %s ms\n", milliseconds(t.margin))
	}
	if r.Dropped > 0 {
		fmt.Fprintf(&t.out, "%d more steps are left out\n", r.Dropped)
	}
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}
