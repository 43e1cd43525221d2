package httpapi

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/journey"
)

const (
	// headerJourney of a request, with wantJourney as its value, asks what becomes of it; the answer's tells that.
	headerJourney = "Kata-Journey"
	wantJourney   = "1"
	// maxJourneyBytes bounds the answer's headers of that name together. Twice as many steps fit as a write takes; proxies
	// allow 8 KiB for all headers, and less would not be of much use.
	maxJourneyBytes = 4 << 10
)

// journeyOf returns a journey if the headers of a request ask for one, else nil.
func journeyOf(h http.Header) (*journey.Journey, *katakv.Error) {
	given := h.Values(headerJourney)
	switch {
	case len(given) == 0:
		return nil, nil
	case len(given) == 1 && given[0] == wantJourney:
		return journey.New(), nil
	}
	return nil, katakv.Errorf(katakv.CodeInvalid, "%s is not understood: send %q once, or leave it out", headerJourney, wantJourney)
}

// tellJourney writes a journey into an answer's headers: a list of structured fields (RFC 9651), one step a line, that
// begins with the step's name, as in
//
//	Kata-Journey: durable;at-us=1012;margin-us=90;node=2;role=leader;shard=40;peer=3
//
// If steps are left out, the last line says how many.
func tellJourney(h http.Header, told journey.Report) {
	size, dropped := 0, told.Dropped
	for i := range told.Steps {
		line := stepLine(&told.Steps[i])
		if size += len(line); size > maxJourneyBytes {
			dropped += len(told.Steps) - i
			break
		}
		h.Add(headerJourney, line)
	}
	if dropped > 0 {
		h.Add(headerJourney, fmt.Sprintf("dropped;steps=%d", dropped))
	}
}

func stepLine(s *journey.Step) string {
	line := []byte(s.Kind.String())
	for _, f := range s.Fields(nil) {
		switch {
		case f.Name == journey.FieldStep:
		case f.Word != "":
			line = append(append(append(append(line, ';'), f.Name...), '='), f.Word...)
		default:
			line = strconv.AppendInt(append(append(append(line, ';'), f.Name...), '='), f.Number, 10)
		}
	}
	return string(line)
}
