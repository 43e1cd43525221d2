package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/journey"
)

// tracing shows what becomes of a command: as a timeline, beside the answer in JSON, as a trace in a file.
type tracing struct {
	journey bool
	otlp    string
	out     func() io.Writer // where the timeline goes
	told    *journey.Report
}

func (t *tracing) register(cmd *cobra.Command) {
	t.out = cmd.ErrOrStderr
	cmd.Flags().BoolVar(&t.journey, "journey", false, "show what became of the command, step by step, on standard error")
	cmd.Flags().StringVar(&t.otlp, "otlp", "", "write that to a file, as an OpenTelemetry trace in OTLP/JSON")
}

// wanted reports whether the journey is to be asked for.
func (t *tracing) wanted() bool { return t.journey || t.otlp != "" }

// follow sends one command and shows its journey, whatever its reply is; in JSON tell does that.
func (t *tracing) follow(ctx context.Context, conn *client.Conn, asJSON bool, args []any) (client.Value, error) {
	before := clock.Wall()
	answer, err := conn.Do(ctx, append([]any{"KATA", "JOURNEY"}, args...)...)
	if err != nil {
		return answer, err
	}
	elapsed := clock.Wall().Sub(before)
	reply, told, err := parseJourney(answer)
	if err != nil {
		return client.Value{}, fmt.Errorf("%w: %w", errNotShown, err)
	}
	t.told = &told
	if t.journey && !asJSON {
		if _, err := io.WriteString(t.out(), journey.Timeline(told)); err != nil {
			return client.Value{}, fmt.Errorf("%w: %w", errNotShown, err)
		}
	}
	if t.otlp != "" {
		if err := t.export(args[0].(string), before, elapsed); err != nil {
			return client.Value{}, fmt.Errorf("%w: %w", errNotShown, err)
		}
	}
	return reply, reply.Err()
}

// export writes the trace. When the node received the command is not known here: the way to it is taken for as long as
// the way back.
func (t *tracing) export(command string, before time.Time, elapsed time.Duration) error {
	trace := journey.Trace{Name: command, Version: version}
	if _, err := rand.Read(trace.ID[:]); err != nil {
		return fmt.Errorf("draw a trace id: %w", err)
	}
	took := time.Duration(0)
	if n := len(t.told.Steps); n > 0 {
		took = t.told.Steps[n-1].At
	}
	trace.Start = before.Add(max(elapsed-took, 0) / 2).UnixNano()
	if err := os.WriteFile(t.otlp, append(journey.OTLP(trace, *t.told), '\n'), 0o644); err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	return nil
}

// tell adds the journey to an answer in JSON, if it was asked for.
func (t *tracing) tell(answer map[string]any) map[string]any {
	if !t.journey || t.told == nil {
		return answer
	}
	steps := make([]map[string]any, len(t.told.Steps))
	for i := range t.told.Steps {
		steps[i] = make(map[string]any)
		for _, f := range t.told.Steps[i].Fields(nil) {
			if f.Word != "" {
				steps[i][camelCase(f.Name)] = f.Word
			} else {
				steps[i][camelCase(f.Name)] = f.Number
			}
		}
	}
	answer["journey"] = map[string]any{"steps": steps, "dropped": t.told.Dropped}
	return answer
}

// camelCase turns a name such as at-us into atUs.
func camelCase(name string) string {
	first, rest, _ := strings.Cut(name, "-")
	if rest == "" {
		return first
	}
	return first + strings.ToUpper(rest[:1]) + camelCase(rest[1:])
}

var (
	// errNotShown is no error of the command: that was answered.
	errNotShown = errors.New("the command was answered, but its journey cannot be shown")
	// errNoJourney is what something else than a node that knows the command may answer.
	errNoJourney = errors.New("the answer is no journey: is the node of another version?")
)

// parseJourney takes the answer to KATA JOURNEY apart: the command's own reply, and what became of it.
func parseJourney(answer client.Value) (reply client.Value, told journey.Report, err error) {
	fields, _ := pairs(answer)
	reply, ok := fields["reply"]
	if !ok {
		return reply, told, errNoJourney
	}
	for _, elem := range fields["steps"].Elems {
		said, ok := pairs(elem)
		if !ok {
			return reply, told, errNoJourney
		}
		var s journey.Step
		for name, value := range said {
			s.Set(journey.Field{Name: name, Number: value.Int, Word: value.Text()})
		}
		told.Steps = append(told.Steps, s)
	}
	told.Dropped = int(fields["dropped"].Int)
	return reply, told, nil
}

// pairs reads a map, which in RESP2 is an array of names and values.
func pairs(value client.Value) (map[string]client.Value, bool) {
	if len(value.Elems)%2 != 0 || value.Kind != client.KindArray && value.Kind != client.KindMap {
		return nil, false
	}
	fields := make(map[string]client.Value, len(value.Elems)/2)
	for i := 0; i < len(value.Elems); i += 2 {
		fields[value.Elems[i].Text()] = value.Elems[i+1]
	}
	return fields, true
}
