package faultnet

import (
	"net/netip"
	"slices"
	"testing"
)

func TestParseRoutes(t *testing.T) {
	const text = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
tun0	00004D0A	00000000	0001	0	0	0	00FEFFFF	0	0	0
`
	got, err := parseRoutes(text)
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.77.0.0/23")}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v and error %v, want %v", got, err, want)
	}
}

func TestChooseSubnet(t *testing.T) {
	tests := []struct {
		name  string
		taken []string
		want  string // empty for none
	}{
		{"nothing taken", nil, "10.77.0.0/24"},
		{"the first ones", []string{"10.77.0.0/23", "10.77.2.128/25"}, "10.77.3.0/24"},
		{"the whole pool", []string{"10.0.0.0/8"}, "172.28.0.0/24"},
		{"all", []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var taken []netip.Prefix
			for _, text := range test.taken {
				taken = append(taken, netip.MustParsePrefix(text))
			}
			got, err := chooseSubnet(taken)
			if (err != nil) != (test.want == "") || err == nil && got.String() != test.want {
				t.Fatalf("got %v and error %v, want %q", got, err, test.want)
			}
		})
	}
}
