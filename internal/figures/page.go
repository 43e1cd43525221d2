package figures

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Verdict is the outcome of measuring a requirement.
type Verdict string

// The verdicts.
const (
	Pass   Verdict = "PASS"
	Fail   Verdict = "FAIL"
	NotRun Verdict = "NOT RUN"
)

// Record is one row of the page. All fields are the text that the page shows.
type Record struct {
	ID      string
	Text    string
	How     string // the commands, joined by "; "
	Commit  string // of the measured tree; "-dirty" follows where it had uncommitted changes
	Date    string // YYYY-MM-DD
	Figures string // the figures, joined by "; ", or why there are none
	Verdict Verdict
}

// Reasons why a page is not believed.
var (
	// ErrNoChecksum means that the page's last line is not a checksum.
	ErrNoChecksum = errors.New("the checksum line is missing")

	// ErrChecksum means that rows differ from those that were written.
	ErrChecksum = errors.New("the rows do not match their checksum: rows are measured by `make figures`, never written by hand")
)

const (
	pageHead = "# Evidence\n\n" +
		"What each issue must show, and what measuring it gave. `make figures` writes this page; `make figures ONLY=ID`\n" +
		"measures one row again and keeps the others. A figure belongs to the commit beside it and to the machine it ran\n" +
		"on; compare ratios, not seconds.\n\n" +
		"| id | must show | how | commit | date | figures | verdict |\n" +
		"| --- | --- | --- | --- | --- | --- | --- |\n"
	columns        = 7
	checksumPrefix = "<!-- rows sha256:"
	checksumSuffix = " -->"
)

// How returns the text of a requirement's How column.
func (r Requirement) How() string {
	var commands []string
	for _, check := range r.Checks {
		command := check.Command()
		if len(commands) == 0 || commands[len(commands)-1] != command {
			commands = append(commands, command)
		}
	}
	return clean(strings.Join(commands, "; "))
}

// Blank returns the record of a requirement that was not measured, and why.
func (r Requirement) Blank(why string) Record {
	return Record{ID: r.ID, Text: r.Text, How: r.How(), Figures: why, Verdict: NotRun}
}

// Merge returns one record for each requirement, in their order: the measured one, else the kept one if its
// requirement is still worded and checked the same, else a blank one.
func Merge(requirements []Requirement, kept []Record, measured map[string]Record) []Record {
	old := make(map[string]Record, len(kept))
	for _, record := range kept {
		old[record.ID] = record
	}
	records := make([]Record, 0, len(requirements))
	for _, requirement := range requirements {
		if record, ok := measured[requirement.ID]; ok {
			records = append(records, record)
			continue
		}
		record, ok := old[requirement.ID]
		switch {
		case !requirement.Complete():
			record = requirement.Blank("no test yet")
		case !ok || record.How != requirement.How() || record.Text != clean(requirement.Text):
			record = requirement.Blank("not measured yet")
		}
		records = append(records, record)
	}
	return records
}

// Render returns the page.
func Render(records []Record) string {
	var rows strings.Builder
	for _, record := range records {
		cells := []string{
			record.ID, record.Text, record.How, record.Commit, record.Date, record.Figures, string(record.Verdict),
		}
		for i := range cells {
			cells[i] = clean(cells[i])
		}
		fmt.Fprintf(&rows, "| %s |\n", strings.Join(cells, " | "))
	}
	return pageHead + rows.String() + "\n" + checksumPrefix + checksum(rows.String()) + checksumSuffix + "\n"
}

// Parse returns the page's records, or an error if the page was not written by [Render].
func Parse(page string) ([]Record, error) {
	body, ok := strings.CutPrefix(page, pageHead)
	if !ok {
		return nil, fmt.Errorf("%w: its head differs from the one that is written", ErrChecksum)
	}
	rows, tail, ok := strings.Cut(body, "\n"+checksumPrefix)
	if !ok {
		return nil, ErrNoChecksum
	}
	if tail != checksum(rows)+checksumSuffix+"\n" {
		return nil, ErrChecksum
	}
	var records []Record
	for row := range strings.Lines(rows) {
		row = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(row, "\n"), "| "), " |")
		cells := strings.Split(row, " | ")
		if len(cells) != columns {
			return nil, fmt.Errorf("row %q has %d columns, want %d", row, len(cells), columns)
		}
		records = append(records, Record{
			ID: cells[0], Text: cells[1], How: cells[2], Commit: cells[3], Date: cells[4], Figures: cells[5],
			Verdict: Verdict(cells[6]),
		})
	}
	return records, nil
}

// checksum returns the SHA-256 of the rows in hexadecimal. It guards against careless edits, not against forgers.
func checksum(rows string) string {
	sum := sha256.Sum256([]byte(rows))
	return hex.EncodeToString(sum[:])
}

// clean makes text fit one cell: one line, no column separators, never empty.
func clean(text string) string {
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "|", "/")), " ")
	if text == "" {
		return "-"
	}
	return text
}
