package realdata_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/katakv/katakv/internal/require"
	"github.com/katakv/katakv/test/realdata"
)

func TestConvert(t *testing.T) {
	in := "Package: a\nVersion: 1\nDescription: first line\n second <line>\n .\nTag: x::y,\n z\n\n\n" +
		"Package: a\nVersion: 2\nArchitecture: all\n\nPackage: a\nVersion: 2\nArchitecture: all\nEmpty:\n\nPackage: b"
	want := `{"description":"first line\nsecond <line>\n.","name":"a","tag":"x::y,\nz","version":"1"}
{"architecture":"all","name":"a_2_all","version":"2"}
{"architecture":"all","empty":"","name":"a_2_all_2","version":"2"}
{"name":"b"}
`
	var out strings.Builder
	records, err := realdata.Convert(strings.NewReader(in), &out)
	if err != nil || records != 4 || out.String() != want {
		t.Errorf("got %d, %v:\n%s\nwant:\n%s", records, err, out.String(), want)
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, in := range []string{"no colon here\n", " continues nothing\n", "Version: 1\n\n", "Package: a\n\n x\n"} {
		var out strings.Builder
		if _, err := realdata.Convert(strings.NewReader(in), &out); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: got %v, %q", in, err, out.String())
		}
	}
}

// checkRecords checks that lines are JSON objects of text with names of their own, and returns the mean length.
func checkRecords(t *testing.T, data []byte, want int) float64 {
	t.Helper()
	names := map[string]bool{}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var fields map[string]string
		if err := json.Unmarshal(scanner.Bytes(), &fields); err != nil {
			t.Fatalf("%.200s: %v", scanner.Text(), err)
		}
		if name := fields["name"]; name == "" || names[name] {
			t.Fatalf("name %q is empty or not unique", name)
		}
		names[fields["name"]] = true
	}
	if len(names) != want {
		t.Fatalf("got %d records, want %d", len(names), want)
	}
	return float64(len(data)) / float64(len(names))
}

func TestSynthetic(t *testing.T) {
	var first, second, other bytes.Buffer
	for out, seed := range map[*bytes.Buffer]uint64{&first: 1, &second: 1, &other: 2} {
		if err := realdata.Synthetic(out, 2000, seed); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) || bytes.Equal(first.Bytes(), other.Bytes()) {
		t.Error("a seed must give the same records, another one others")
	}
	if mean := checkRecords(t, first.Bytes(), 2000); mean < 700 || mean > 1100 {
		t.Errorf("mean of %.0f bytes: Debian's is 837", mean)
	}
}

// TestThisMachinesPackages converts what apt knows here, which may be little.
func TestThisMachinesPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the whole package index")
	}
	index, err := exec.Command(require.Tool(t, "apt-cache"), "dumpavail").Output()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	records, err := realdata.Convert(bytes.NewReader(index), &out)
	if err != nil {
		t.Fatal(err)
	}
	if records == 0 {
		t.Skip("apt knows no packages: run apt-get update")
	}
	t.Logf("%d records, %.0f bytes each", records, checkRecords(t, out.Bytes(), records))
}
