package figures

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Figure is one measured value.
type Figure struct {
	Name  string
	Value float64
	Unit  string // may be empty, for a ratio or a count
}

// String returns "longest gap 812 ms".
func (f Figure) String() string {
	return strings.TrimSpace(f.Name + " " + strconv.FormatFloat(f.Value, 'f', -1, 64) + " " + f.Unit)
}

// Line returns the line by which a test reports a figure: "FIGURE longest gap=812 ms". The name may hold
// spaces, but no "=".
func Line(name string, value float64, unit string) string {
	return strings.TrimSpace(fmt.Sprintf("FIGURE %s=%s %s", name, strconv.FormatFloat(value, 'f', -1, 64), unit))
}

// figureLine finds a figure behind whatever the test runner puts before a line of the log.
var figureLine = regexp.MustCompile(`\bFIGURE ([^=\n]+)=(-?[0-9]+(?:\.[0-9]+)?)(?: (\S+))?\s*$`)

// ParseLine returns the figure in a line of a test's output, if it holds one.
func ParseLine(line string) (Figure, bool) {
	match := figureLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
	if match == nil {
		return Figure{}, false
	}
	value, err := strconv.ParseFloat(match[2], 64)
	if err != nil {
		return Figure{}, false
	}
	return Figure{Name: match[1], Value: value, Unit: match[3]}, true
}

// Broken returns a sentence for each bound that the figures do not keep.
func Broken(bounds []Bound, measured []Figure) []string {
	var broken []string
	for _, bound := range bounds {
		found := false
		for _, figure := range measured {
			if figure.Name != bound.Figure {
				continue
			}
			found = true
			if figure.Unit != bound.Unit || !(figure.Value <= bound.Max) { // so that NaN breaks the bound
				broken = append(broken, strings.TrimSpace(fmt.Sprintf("%s is over %g %s", figure, bound.Max, bound.Unit)))
			}
		}
		if !found {
			broken = append(broken, fmt.Sprintf("%q was not reported", bound.Figure))
		}
	}
	return broken
}
