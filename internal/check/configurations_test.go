package check_test

import (
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/check"
)

func ids(all ...katakv.ReplicaID) []katakv.ReplicaID { return all }

func TestConfigurations(t *testing.T) {
	simple := check.Configuration{Voters: ids(1, 2, 3)}
	joint := check.Configuration{Voters: ids(4, 2, 3), Outgoing: ids(3, 2, 1)}
	// The shard begins with simple at index 5; steps are applied by m1 at indexes 10, 20, and so on.
	tests := []struct {
		name  string
		steps []check.Configuration
		want  []string // of the last step
	}{
		{"one voter more", []check.Configuration{{Voters: ids(4, 1, 2, 3)}}, nil},
		{"one voter less", []check.Configuration{{Voters: ids(1, 2)}}, nil},
		{"learner, then voter", []check.Configuration{{Voters: ids(1, 2, 3), Learners: ids(4)}, {Voters: ids(1, 2, 3, 4)}}, nil},
		{"swap", []check.Configuration{joint, {Voters: ids(2, 3, 4)}}, nil},
		{"joint, all new", []check.Configuration{{Voters: ids(4, 5, 6), Outgoing: ids(1, 2, 3)}, {Voters: ids(4, 5, 6)}}, nil},

		{"two voters more", []check.Configuration{{Voters: ids(1, 2)}, {Voters: ids(1, 2, 4, 5)}}, []string{"s1/r11", "index 10", "index 20", "more than one voter"}},
		{"two voters more than three", []check.Configuration{{Voters: ids(1, 2, 3, 4, 5)}}, []string{"without a common member"}},
		{"swap at once", []check.Configuration{{Voters: ids(2, 3, 4)}}, []string{"index 5", "without a common member", "[r2 r3 r4]"}},
		{"joint with others outgoing", []check.Configuration{{Voters: ids(4, 2, 3), Outgoing: ids(1, 2)}}, []string{"not those before"}},
		{"joint after joint", []check.Configuration{joint, {Voters: ids(2, 3, 4), Outgoing: ids(2, 3, 4)}}, []string{"follows a joint one", "index 20"}},
		{"other voters after joint", []check.Configuration{joint, {Voters: ids(2, 3)}}, []string{"on leaving"}},
		{"joint forgotten", []check.Configuration{joint, {Voters: ids(1, 2, 3)}}, []string{"on leaving"}},
		{"removed one returns", []check.Configuration{{Voters: ids(1, 2)}, {Voters: ids(1, 2), Learners: ids(3)}}, []string{"r3 was removed at index 10"}},
		{"no voters", []check.Configuration{{Learners: ids(1)}}, []string{"no voters"}},
		{"learner and voter", []check.Configuration{{Voters: ids(1, 2, 3), Learners: ids(3)}}, []string{"r3 is a learner and a voter"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c check.Configurations
			wantError(t, c.Begin(1, 5, simple))
			for i, step := range test.steps {
				err := c.Applied(m1, katakv.Index(10*i+10), step)
				if i < len(test.steps)-1 {
					wantError(t, err)
				} else {
					wantError(t, err, test.want...)
				}
			}
		})
	}
}

func TestConfigurationsAtTheSameIndex(t *testing.T) {
	var c check.Configurations
	wantError(t, c.Begin(1, 5, check.Configuration{Voters: ids(1, 2, 3)}))
	wantError(t, c.Applied(m1, 10, check.Configuration{Voters: ids(1, 2)}))
	wantError(t, c.Applied(m1, 20, check.Configuration{Voters: ids(1, 2, 4)}))
	wantError(t, c.Applied(m2, 10, check.Configuration{Voters: ids(2, 1)}))
	wantError(t, c.Applied(m2, 20, check.Configuration{Voters: ids(1, 2, 5)}), "s1/r12", "index 20", "r5", "s1/r11", "r4")
	wantError(t, c.Applied(m2, 15, check.Configuration{Voters: ids(1)}), "s1/r12", "index 15", "no other member")
	wantError(t, c.Installed(m3, 15, check.Configuration{Voters: ids(1, 2)}))
	wantError(t, c.Installed(m3, 25, check.Configuration{Voters: ids(1, 2, 4)}))
	wantError(t, c.Installed(m3, 7, check.Configuration{Voters: ids(1, 2, 3)}))
	wantError(t, c.Installed(m3, 15, check.Configuration{Voters: ids(1, 2, 3)}), "s1/r13", "index 15", "since index 10")
	wantError(t, c.Begin(2, 0, check.Configuration{}), "no voters")
}
