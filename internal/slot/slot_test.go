package slot_test

import (
	"bytes"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/slot"
)

// The slots were taken from the Redis Cluster specification and from CLUSTER KEYSLOT of Redis.
func TestOfKnownSlots(t *testing.T) {
	for _, c := range []struct {
		key  string
		want katakv.Slot
	}{
		{"", 0},
		{"123456789", 0x31c3},
		{"foo", 12182},
		{"bar", 5061},
		{"hello", 866},
		{"somekey", 11058},
		{"foo{hash_tag}", 2515},
		{"hash_tag", 2515},
		{"bar{hash_tag}", 2515},
	} {
		if got := slot.Of([]byte(c.key)); got != c.want {
			t.Errorf("Of(%q): got %d, want %d", c.key, got, c.want)
		}
	}
}

func TestOfHashTags(t *testing.T) {
	for _, c := range []struct{ name, key, hashed string }{
		{"tag", "{user1000}.following", "user1000"},
		{"tag at the end", "foo{bar}", "bar"},
		{"tag alone", "{bar}", "bar"},
		{"empty tag hashes all", "foo{}{bar}", "foo{}{bar}"},
		{"only an empty tag", "{}", "{}"},
		{"first closing brace ends the tag", "foo{{bar}}zap", "{bar"},
		{"first tag counts", "foo{bar}{zap}", "bar"},
		{"no closing brace", "foo{bar", "foo{bar"},
		{"closing brace first", "foo}bar{", "foo}bar{"},
		{"closing before opening", "a}b{c}d", "c"},
		{"binary tag", "a{\x00\xff}b", "\x00\xff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The hashed part is checked against a bitwise CRC, so that no hash tag rule applies to it.
			want := katakv.Slot(bitwiseCRC16([]byte(c.hashed)) % katakv.SlotCount)
			if got := slot.Of([]byte(c.key)); got != want {
				t.Errorf("Of(%q): got %d, want %d", c.key, got, want)
			}
		})
	}
}

func bitwiseCRC16(b []byte) uint16 {
	var crc uint16
	for _, c := range b {
		for bit := 7; bit >= 0; bit-- {
			top := crc>>15 ^ uint16(c>>bit)&1
			crc <<= 1
			if top != 0 {
				crc ^= 0x1021
			}
		}
	}
	return crc
}

func FuzzOf(f *testing.F) {
	for _, seed := range []string{"", "foo", "{a}b", "a{}b{c}", "{", "}", "{{}}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		before := bytes.Clone(key)
		got := slot.Of(key)
		if got >= katakv.SlotCount {
			t.Fatalf("Of(%q): got %d, want less than %d", key, got, katakv.SlotCount)
		}
		if !bytes.Equal(key, before) {
			t.Fatalf("Of changed its key: got %q, want %q", key, before)
		}
		// Whatever the key, a tag in front of it decides.
		if tagged := slot.Of(append([]byte("{tag}"), key...)); tagged != slot.Of([]byte("tag")) {
			t.Fatalf("Of({tag}%q): got %d, want %d", key, tagged, slot.Of([]byte("tag")))
		}
	})
}

func BenchmarkOf(b *testing.B) {
	key := []byte("user:1234567890:p")
	b.ReportAllocs()
	for b.Loop() {
		slot.Of(key)
	}
}

func TestOfPrefix(t *testing.T) {
	for _, c := range []struct {
		prefix  string
		decides bool
	}{
		{"", false},
		{"user:", false},
		{"{user", false},
		{"{}", false},
		{"{}{a}", false},
		{"{a}", true},
		{"x{a}y{b}", true},
	} {
		got, ok := slot.OfPrefix([]byte(c.prefix))
		if ok != c.decides {
			t.Errorf("%q: got %v, want %v", c.prefix, ok, c.decides)
		}
		for _, rest := range []string{"", "k", "}", "{z}"} {
			if want := slot.Of([]byte(c.prefix + rest)); ok && got != want {
				t.Errorf("%q: got slot %d, but %q is in %d", c.prefix, got, c.prefix+rest, want)
			}
		}
	}
}
