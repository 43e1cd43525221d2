package httpapi

import (
	"time"

	"github.com/katakv/katakv"
)

// freshness is how fresh several answers are, all of them: the weakest level and the greatest age. The zero value is of
// none.
type freshness struct {
	answers int
	level   katakv.Level
	age     time.Duration
}

func (f *freshness) add(served *katakv.Served) {
	f.answers++
	f.level = max(f.level, served.Level)
	if f.age != katakv.UnknownAge {
		f.age = max(f.age, served.Age)
		if served.Age == katakv.UnknownAge {
			f.age = katakv.UnknownAge
		}
	}
}

// tell writes it into the last line of a listing.
func (f *freshness) tell(line *lastLine) {
	if f.answers == 0 {
		return
	}
	line.Level = f.level.String()
	if f.age != katakv.UnknownAge {
		ms := ageMilliseconds(f.age)
		line.AgeMs = &ms
	}
}
