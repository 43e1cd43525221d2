package realdata

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// sizes are the deciles of the lengths of Debian 12's records, in bytes. The last is where nearly all end; one in
// outlierOdds is longer, up to maxBytes.
var sizes = [11]int{459, 637, 672, 701, 729, 761, 797, 845, 917, 1062, 1700}

const (
	outlierOdds = 5000
	maxBytes    = 76_388
)

// words are what descriptions are made of; a few are not ASCII, and some need escapes in JSON.
var words = strings.Fields(`the a of for and library files data development Python module tools support common
documentation graphical \"quoted\" back\\slash naïve Größe 日本語 <tag> & emoji😀 https://example.invalid/?q=1`)

// Synthetic writes n made-up records of the sizes of Debian's. The same seed gives the same bytes.
func Synthetic(out io.Writer, n int, seed uint64) error {
	w := newWriter(out)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		decile := random.IntN(len(sizes) - 1)
		size := sizes[decile] + random.IntN(sizes[decile+1]-sizes[decile]+1)
		if random.IntN(outlierOdds) == 0 {
			size = sizes[len(sizes)-1] + random.IntN(maxBytes-sizes[len(sizes)-1])
		}
		fields := map[string]string{
			indexField:     fmt.Sprintf("made-up-%d", i),
			"version":      fmt.Sprintf("%d.%d-%d", random.IntN(20), random.IntN(100), 1+random.IntN(9)),
			"architecture": []string{"all", "amd64"}[random.IntN(2)],
			"section":      words[random.IntN(10)],
			"sha256":       fmt.Sprintf("%016x%016x%016x%016x", random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64()),
		}
		// The fields above and the JSON around all take some 200 bytes.
		var text strings.Builder
		for text.Len()+200 < size {
			text.WriteString(words[random.IntN(len(words))])
			text.WriteString([]string{" ", " ", " ", "\n"}[random.IntN(4)])
		}
		fields["description"] = text.String()
		if err := w.stanza(fields); err != nil {
			return err
		}
	}
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}
