package client_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/katakv/katakv/client"
)

func TestClusterSlots(t *testing.T) {
	reply := "*2\r\n" +
		"*4\r\n:0\r\n:8191\r\n*3\r\n$9\r\n127.0.0.1\r\n:7001\r\n$2\r\nid\r\n*2\r\n$3\r\n::1\r\n:7002\r\n" +
		"*3\r\n:8192\r\n:16383\r\n*2\r\n$-1\r\n:7003\r\n"
	conn := dial(t, fakeServer(t, answer(reply)), client.Options{})
	slots, err := conn.ClusterSlots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(slots) != 2 || slots[0].First != 0 || slots[0].Last != 8191 || slots[0].Leader != "127.0.0.1:7001" ||
		!slices.Equal(slots[0].Followers, []string{"[::1]:7002"}) || slots[1].Leader != "127.0.0.1:7003" {
		t.Errorf("got %+v", slots)
	}
}

func TestClusterSlotsMustBeWhole(t *testing.T) {
	entry := func(first, last string) string {
		return "*3\r\n:" + first + "\r\n:" + last + "\r\n*2\r\n$1\r\na\r\n:1\r\n"
	}
	tests := []struct{ name, reply, says string }{
		{"no entry", "*0\r\n", "only 0 of"},
		{"a hole", "*1\r\n" + entry("0", "16382"), "only 16383 of"},
		{"twice", "*2\r\n" + entry("0", "10") + entry("10", "16383"), "slot 10 is there twice"},
		{"too many", "*1\r\n" + entry("0", "16384"), "unexpected range"},
		{"backwards", "*1\r\n" + entry("5", "4"), "unexpected range"},
		{"no node", "*1\r\n*2\r\n:0\r\n:16383\r\n", "unexpected entry"},
		{"no port", "*1\r\n*3\r\n:0\r\n:16383\r\n*1\r\n$1\r\na\r\n", "unexpected node"},
		{"an error", "-ERR This instance has cluster support disabled\r\n", "cluster support disabled"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := dial(t, fakeServer(t, answer(test.reply)), client.Options{})
			slots, err := conn.ClusterSlots(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, %v, want %q", slots, err, test.says)
			}
		})
	}
}
