package sim

import "testing"

// TestShardsForgetSoon carries out the plans that the first seeds draw with a small retention.
func TestShardsForgetSoon(t *testing.T) {
	const plans = 4
	retries := 0
	for seed, found := uint64(1), 0; found < plans; seed++ {
		p := Draw(seed)
		if p.Options.RequestRetention == 0 {
			continue
		}
		found++
		r := Run(p)
		if r.Err != nil {
			t.Errorf("seed %d: %v", seed, r.Err)
		}
		retries += r.Retries
	}
	if retries == 0 {
		t.Error("nothing was retried")
	}
}

// No attempt may come after its request was forgotten: the numbers behind [Plan.forget], once more.
func TestForgettingLeavesTimeToRetry(t *testing.T) {
	for seed := range uint64(3000) {
		p := Draw(seed)
		o, w := &p.Options, &p.Workload
		if o.RequestRetention == 0 {
			continue
		}
		const onItsWay = 3e9 // an election and a slow message, in nanoseconds
		longest := 2.1 * (float64(w.RetryFor) + float64(o.Timeout) + onItsWay)
		if longest >= float64(o.RequestRetention) {
			t.Fatalf("seed %d: %v", seed, p)
		}
		for _, f := range p.Faults {
			switch f.Name {
			case "pause", "lag", "delays", "slow-processor", "stalled-disk":
				t.Fatalf("seed %d holds messages back: %v", seed, p)
			}
		}
	}
}
