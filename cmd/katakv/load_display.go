package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/load"
)

// barWidth is the progress bar's, in characters: with the figures behind it a line still fits 80 columns.
const barWidth = 30

// loadDisplay shows progress: a bar that is redrawn on a terminal, lines elsewhere.
type loadDisplay struct {
	out      io.Writer
	terminal bool
	size     int64 // of the input, in bytes; negative if unknown
	began    time.Time
	from     int64 // bytes done before this run; negative until known
	width    int   // of the line on the terminal
}

func newLoadDisplay(out io.Writer, size int64) *loadDisplay {
	return &loadDisplay{out: out, terminal: isTerminal(out), size: size, began: time.Now(), from: -1}
}

// say prints a line.
func (d *loadDisplay) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, format+"\n", args...)
}

// show shows how far the load is.
func (d *loadDisplay) show(p load.Progress) {
	if d.from < 0 {
		d.from = p.Bytes
	}
	seconds := time.Since(d.began).Seconds()
	text := fmt.Sprintf("%d records, %.0f/s", p.Records, float64(p.Records)/max(seconds, 1e-9))
	if p.Bad > 0 {
		text += fmt.Sprintf(", %d bad", p.Bad)
	}
	if p.Retries > 0 {
		text += fmt.Sprintf(", %d again", p.Retries)
	}
	if d.size > 0 {
		done := float64(p.Bytes) / float64(d.size)
		text = fmt.Sprintf("%3.0f %%  %s", 100*done, text)
		if moved := p.Bytes - d.from; moved > 0 && p.Bytes < d.size {
			left := time.Duration(float64(d.size-p.Bytes) / float64(moved) * float64(time.Since(d.began)))
			text += fmt.Sprintf(", %v left", left.Round(time.Second))
		}
		if d.terminal {
			filled := min(max(int(done*barWidth), 0), barWidth)
			text = "[" + strings.Repeat("=", filled) + strings.Repeat(" ", barWidth-filled) + "] " + text
		}
	}
	if !d.terminal {
		d.say("%s", text)
		return
	}
	_, _ = fmt.Fprintf(d.out, "\r%-*s", d.width, text) // blanks over what is left of a longer line
	d.width = len(text)
}

// end leaves the bar's line.
func (d *loadDisplay) end() {
	if d.terminal {
		_, _ = fmt.Fprintln(d.out)
	}
}
