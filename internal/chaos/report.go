package chaos

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

// Names of files of a report. Those of one scenario are in a directory with its name.
const (
	pageName    = "index.html"
	resultsName = "results.json"
	historyName = "history.jsonl"
	drawingName = "linearizability.html"
)

//go:embed report.html
var pageText string

var page = template.Must(template.New(pageName).Funcs(template.FuncMap{
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
	"count":   func(r *Result, kind string) int { return r.Count(FaultKind(kind)) },
	"others": func(r *Result) int {
		return len(r.Faults) - r.Count(FaultKill, FaultPowerCut)
	},
	"timeline": timeline,
	"kept":     keptFiles,
}).Parse(pageText))

// WriteReport writes index.html about the results into dir, which is created when absent, and results.json. Of each
// scenario that failed it keeps the history, the drawing of what is not linearizable, and the nodes' logs.
func WriteReport(dir string, results []*Result) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create the report's directory: %w", err)
	}
	for _, r := range results {
		if len(r.Violations) == 0 && r.Trouble == "" {
			continue
		}
		if err := r.keep(filepath.Join(dir, r.Scenario)); err != nil {
			return fmt.Errorf("keep what is left of scenario %s: %w", r.Scenario, err)
		}
	}
	data, err := json.MarshalIndent(results, "", " ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, resultsName), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	err = writeFile(filepath.Join(dir, pageName), func(w io.Writer) error {
		return page.Execute(w, struct {
			Summary Summary
			Results []*Result
		}{Summarize(results), results})
	})
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// keep writes what helps to find out why a scenario failed.
func (r *Result) keep(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err := writeFile(filepath.Join(dir, historyName), func(w io.Writer) error { return writeHistory(w, r.history) })
	if r.verdict != nil && len(r.verdict.Offending()) > 0 {
		err = errors.Join(err, writeFile(filepath.Join(dir, drawingName), r.verdict.WriteHTML))
	}
	logs, globErr := filepath.Glob(filepath.Join(r.dir, "cluster", "node-*", "log"))
	for _, log := range logs {
		err = errors.Join(err, copyFile(log, filepath.Join(dir, filepath.Base(filepath.Dir(log))+".log")))
	}
	return errors.Join(err, globErr)
}

// keptFiles names the files that keep leaves for a scenario, by their paths from the page.
func keptFiles(r *Result) []string {
	if len(r.Violations) == 0 && r.Trouble == "" {
		return nil
	}
	files := []string{historyName}
	if r.verdict != nil && len(r.verdict.Offending()) > 0 {
		files = append(files, drawingName)
	}
	for id := 1; id <= r.Nodes; id++ {
		files = append(files, fmt.Sprintf("node-%d.log", id))
	}
	for i := range files {
		files[i] = r.Scenario + "/" + files[i]
	}
	return files
}

// writeFile creates a file by a function that writes it.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(write(w), w.Flush(), f.Close())
}

func copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return writeFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// historyLine is one operation of history.jsonl. Times are microseconds; an operation whose outcome is unknown has no return.
type historyLine struct {
	Client  int      `json:"client"`
	Call    int64    `json:"callMicros"`
	Return  int64    `json:"returnMicros,omitempty"`
	Command []string `json:"command"`
	Outcome string   `json:"outcome"`
	Reply   any      `json:"reply,omitempty"`
}

func writeHistory(w io.Writer, h check.History) error {
	encoder := json.NewEncoder(w)
	for i := range h {
		op := &h[i]
		line := historyLine{
			Client: op.Client, Call: op.Call.Microseconds(),
			Outcome: [...]string{katakv.OutcomeNotApplied: "not applied", katakv.OutcomeApplied: "applied", katakv.OutcomeUnknown: "unknown"}[op.Outcome],
		}
		for _, arg := range arguments(op) {
			line.Command = append(line.Command, fmt.Sprint(arg))
		}
		if op.Return != check.Never {
			line.Return = op.Return.Microseconds()
		}
		if op.Outcome == katakv.OutcomeApplied {
			line.Reply = op.Reply.String()
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
