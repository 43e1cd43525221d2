package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/clock"
	"github.com/katakv/katakv/internal/journey"
)

func word(text string) client.Value { return client.Value{Kind: client.KindBulk, Bytes: []byte(text)} }

func number(n int64) client.Value { return client.Value{Kind: client.KindInt, Int: n} }

func list(elems ...client.Value) client.Value {
	return client.Value{Kind: client.KindArray, Elems: elems}
}

// anAnswer is what KATA JOURNEY answers in RESP2.
func anAnswer(reply client.Value) client.Value {
	return list(word("reply"), reply, word("steps"), list(
		list(word("at-us"), number(7), word("node"), number(2), word("role"), word("leader"), word("step"), word("read"), word("index"), number(9)),
	), word("dropped"), number(1))
}

func TestParseJourney(t *testing.T) {
	reply, told, err := parseJourney(anAnswer(word("v")))
	want := journey.Report{Dropped: 1, Steps: []journey.Step{{Kind: journey.Read, Role: journey.Leader, At: 7000, Node: 2, Index: 9}}}
	if err != nil || reply.Text() != "v" || !reflect.DeepEqual(told, want) {
		t.Errorf("got %v, %+v, %v", reply, told, err)
	}
	for _, none := range []client.Value{
		word("v"), list(), list(word("steps"), list()), list(word("reply")),
		list(word("reply"), word("v"), word("steps"), list(number(1))),
	} {
		if _, _, err := parseJourney(none); !errors.Is(err, errNoJourney) {
			t.Errorf("%v: got error %v", none, err)
		}
	}
}

func TestJourneyInJSON(t *testing.T) {
	_, told, _ := parseJourney(anAnswer(word("v")))
	tr := tracing{journey: true, told: &told}
	var out bytes.Buffer
	if err := writeJSON(&out, tr.tell(map[string]any{"key": "k"})); err != nil {
		t.Fatal(err)
	}
	want := `{"journey":{"dropped":1,"steps":[{"atUs":7,"index":9,"node":2,"role":"leader","step":"read"}]},"key":"k"}` + "\n"
	if out.String() != want {
		t.Errorf("got %s", out.String())
	}
	if answer := (&tracing{}).tell(map[string]any{}); len(answer) != 0 {
		t.Errorf("nobody asked for %v", answer)
	}
}

// TestTraceOfNowhere: a trace that cannot be written is no word about the command.
func TestTraceOfNowhere(t *testing.T) {
	_, told, _ := parseJourney(anAnswer(word("v")))
	tr := tracing{otlp: filepath.Join(t.TempDir(), "none", "x"), told: &told}
	if err := tr.export("GET", clock.Wall(), 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	tr.otlp = filepath.Join(t.TempDir(), "trace.json")
	if err := tr.export("GET", clock.Wall(), 100_000); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(tr.otlp)
	if err != nil || !json.Valid(written) || bytes.Count(written, []byte("\n")) != 1 {
		t.Errorf("got %s, %v", written, err)
	}
}
