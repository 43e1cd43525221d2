package sim_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/internal/sim"
)

func TestDrawnPlans(t *testing.T) {
	for _, seed := range require.Seeds(t, 4) {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			p := sim.Draw(seed)
			if os.Getenv("STORY") != "" {
				p.Options.Story = os.Stderr
			}
			r := sim.Run(p)
			t.Logf("%v", p)
			t.Logf("%d ack %d not %d unknown; %v sim, %d events, %d installs, %v; trace %016x", r.Acknowledged, r.NotApplied, r.Unknown, r.Simulated, r.Events, r.Installs, r.Strikes, r.Trace)
			if r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
}
