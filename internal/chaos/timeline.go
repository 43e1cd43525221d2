package chaos

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"
)

// Measures of a drawing, in units of its own; it is scaled to the width of the page.
const (
	timelineWidth = 1000
	plotHeight    = 120
	rowHeight     = 14
	labelWidth    = 110
)

// timeline draws the throughput of a scenario, second by second, and beneath it what was done to the cluster when.
func timeline(r *Result) template.HTML {
	if len(r.Throughput) == 0 {
		return ""
	}
	total := max(r.Duration.Seconds(), float64(len(r.Throughput)))
	x := func(at time.Duration) float64 { return labelWidth + at.Seconds()/total*(timelineWidth-labelWidth) }
	kinds := faultKinds(r.Faults)
	height := plotHeight + 16 + rowHeight*len(kinds)
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg viewBox="0 0 %d %d" role="img" aria-label="throughput and faults">`, timelineWidth, height)
	drawThroughput(&svg, r.Throughput, x)
	for row, kind := range kinds {
		top := plotHeight + 16 + row*rowHeight
		fmt.Fprintf(&svg, `<text class="label" x="%d" y="%d">%s</text>`, labelWidth-6, top+rowHeight-4, template.HTMLEscapeString(string(kind)))
		fmt.Fprintf(&svg, `<line class="rule" x1="%d" x2="%d" y1="%d" y2="%d"/>`, labelWidth, timelineWidth, top+rowHeight-1, top+rowHeight-1)
		for _, f := range r.Faults {
			if f.Kind != kind {
				continue
			}
			from, to := x(f.From), x(max(f.To, f.From))
			fmt.Fprintf(&svg, `<rect class="fault" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s: %s, %.1f s to %.1f s</title></rect>`,
				from, top+2, max(to-from, 2), rowHeight-4, kind, template.HTMLEscapeString(f.Text), f.From.Seconds(), f.To.Seconds())
		}
	}
	svg.WriteString(`</svg>`)
	return template.HTML(svg.String()) //nolint:gosec // made of numbers and escaped text
}

// drawThroughput draws one bar a second: applied, refused and unknown on top of each other.
func drawThroughput(svg *strings.Builder, seconds []Second, x func(time.Duration) float64) {
	most := 1
	for _, s := range seconds {
		most = max(most, s.Applied+s.Refused+s.Unknown)
	}
	for i, s := range seconds {
		at := time.Duration(i) * time.Second
		left, width := x(at), x(at+time.Second)-x(at)
		base := float64(plotHeight)
		for _, part := range []struct {
			class string
			count int
		}{{"applied", s.Applied}, {"refused", s.Refused}, {"unknown", s.Unknown}} {
			height := float64(part.count) / float64(most) * (plotHeight - 14)
			base -= height
			if part.count > 0 {
				fmt.Fprintf(svg, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>second %d: %d %s</title></rect>`,
					part.class, left, base, max(width-0.5, 0.5), height, i, part.count, part.class)
			}
		}
	}
	fmt.Fprintf(svg, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`, labelWidth, timelineWidth, plotHeight, plotHeight)
	fmt.Fprintf(svg, `<text class="label" x="%d" y="12">%d ops/s</text>`, labelWidth-6, most)
	for _, at := range ticks(len(seconds)) {
		fmt.Fprintf(svg, `<text class="tick" x="%.1f" y="%d">%d s</text>`, x(time.Duration(at)*time.Second), plotHeight+12, at)
	}
}

// ticks returns the seconds to name on an axis: ten of them or fewer.
func ticks(seconds int) []int {
	step := 1
	for _, s := range []int{5, 10, 20, 30, 60, 300} {
		if seconds/step > 10 {
			step = s
		}
	}
	var at []int
	for s := 0; s < seconds; s += step {
		at = append(at, s)
	}
	return at
}

// faultKinds returns the kinds that occur, in the order of their first time.
func faultKinds(faults []Fault) []FaultKind {
	var kinds []FaultKind
	byTime := slices.SortedFunc(slices.Values(faults), func(a, b Fault) int { return cmp.Compare(a.From, b.From) })
	for _, f := range byTime {
		if !slices.Contains(kinds, f.Kind) {
			kinds = append(kinds, f.Kind)
		}
	}
	return kinds
}
