package config_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/config"
)

// load runs Load over flags ("name=value"), environment and the text of a file.
func load(t *testing.T, flags []string, env map[string]string, file string) (config.Config, error) {
	t.Helper()
	values := config.NewValues()
	for _, f := range flags {
		name, text, _ := strings.Cut(f, "=")
		if err := set(values, name, text); err != nil {
			return config.Config{}, err
		}
	}
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "katakv.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return values.Load(path, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
}

func set(values *config.Values, name, text string) error {
	for _, v := range values.All() {
		if v.Name() == name {
			return v.Set(text)
		}
	}
	return fmt.Errorf("no setting %s", name)
}

func TestPrecedence(t *testing.T) {
	file := "data: /file\nzone: file\ntick-interval: 50ms # a comment\ncores: 2\n"
	env := map[string]string{"KATAKV_DATA": "/env", "KATAKV_ZONE": "env", "KATAKV_LOG_LEVEL": ""}
	cfg, err := load(t, []string{"data=/flag"}, env, file)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Data, want.Zone, want.TickInterval, want.Cores = "/flag", "env", 50*time.Millisecond, 2
	if cfg != want {
		t.Fatalf("got  %+v\nwant %+v", cfg, want)
	}
}

// TestEverySettingIsReadEverywhere sets each setting by flag, environment and file to its own text.
func TestEverySettingIsReadEverywhere(t *testing.T) {
	other := map[string]string{
		"data": "/x", "peer-listen": "127.0.0.1:1", "cluster-listen": "127.0.0.1:2", "plain-listen": "127.0.0.1:3",
		"http-listen": "127.0.0.1:4", "advertise-peer": "a:1", "advertise-cluster": "b:2", "advertise-plain": "c:3",
		"advertise-http": "d:4", "zone": "z", "cores": "3", "memory": "1GiB", "insecure-listen": "true",
		"tick-interval": "20ms", "request-timeout": "1s", "log-level": "debug", "log-format": "json",
	}
	var flags []string
	env := map[string]string{}
	var file strings.Builder
	for _, name := range config.Names() {
		text, ok := other[name]
		if !ok {
			t.Fatalf("this test has no value for %s", name)
		}
		flags = append(flags, name+"="+text)
		env[config.EnvName(name)] = text
		fmt.Fprintf(&file, "%s: %s\n", name, text)
	}
	byFlag, err1 := load(t, flags, nil, "")
	byEnv, err2 := load(t, nil, env, "")
	byFile, err3 := load(t, nil, nil, file.String())
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if byFlag != byEnv || byEnv != byFile {
		t.Fatalf("flags, environment and file differ:\n%+v\n%+v\n%+v", byFlag, byEnv, byFile)
	}
	values := config.NewValues()
	for _, v := range values.All() {
		if v.String() == other[v.Name()] {
			t.Errorf("%s: the value of this test is the default", v.Name())
		}
		if err := v.Set(other[v.Name()]); err != nil || v.String() != other[v.Name()] {
			t.Errorf("%s: got %q (%v), want %q", v.Name(), v.String(), err, other[v.Name()])
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		flags []string
		env   map[string]string
		file  string
		want  string // pattern of the error; empty for none
	}{
		{"defaults", nil, nil, "", ""},
		{"no data", []string{"data="}, nil, "", `--data DIR`},
		{"beyond loopback", []string{"plain-listen=0.0.0.0:7300", "advertise-plain=h:1"}, nil, "", `plain-listen: .*--insecure-listen`},
		{"beyond loopback, every interface", []string{"http-listen=:7400", "advertise-http=h:1"}, nil, "", `http-listen: .*--insecure-listen`},
		{"beyond loopback, by name", []string{"peer-listen=example.com:1"}, nil, "", `peer-listen: .*--insecure-listen`},
		{"beyond loopback, allowed", []string{"peer-listen=192.0.2.1:1", "insecure-listen=true"}, nil, "", ""},
		{"unspecified needs advertise", []string{"peer-listen=0.0.0.0:1", "insecure-listen=true"}, nil, "", `advertise-peer: others cannot dial 0.0.0.0:1`},
		{"unspecified with advertise", []string{"peer-listen=[::]:1", "advertise-peer=h:1", "insecure-listen=true"}, nil, "", ""},
		{"advertise unspecified", []string{"advertise-peer=0.0.0.0:1"}, nil, "", `cannot dial`},
		{"advertise no port", []string{"advertise-http=h:0"}, nil, "", `cannot dial`},
		{"IPv6 loopback", []string{"peer-listen=[::1]:1"}, nil, "", ""},
		{"mapped loopback", []string{"peer-listen=[::ffff:127.0.0.1]:1"}, nil, "", ""},
		{"IPv6 without brackets", []string{"peer-listen=::1:80"}, nil, "", `brackets`},
		{"no port", []string{"peer-listen=localhost"}, nil, "", `has no port`},
		{"bad port", []string{"peer-listen=localhost:99999"}, nil, "", `between 0 and 65535`},
		{"same port twice", []string{"peer-listen=127.0.0.1:7200"}, nil, "", `peer-listen and cluster-listen are both`},
		{"kernel's ports", []string{"peer-listen=127.0.0.1:0", "cluster-listen=127.0.0.1:0"}, nil, "", ""},
		{"two findings", []string{"cores=0", "log-format=xml"}, nil, "", `(?s)cores: .*log-format: `},
		{"cores not a number", []string{"cores=two"}, nil, "", `not a whole number`},
		{"little memory", []string{"memory=10MiB"}, nil, "", `memory: 10MiB is too little`},
		{"bad size", nil, map[string]string{"KATAKV_MEMORY": "much"}, "", `memory \(environment\): "much" is not a size`},
		{"bad duration", nil, nil, "data: /x\ntick-interval: 5", `tick-interval \(file .*\): "5" is not a duration`},
		{"tick out of bounds", []string{"tick-interval=1us"}, nil, "", `tick-interval`},
		{"timeout out of bounds", []string{"request-timeout=1us"}, nil, "", `request-timeout`},
		{"bad level", []string{"log-level=loud"}, nil, "", `none of debug`},
		{"bad bool", []string{"insecure-listen=perhaps"}, nil, "", `neither true nor false`},
		{"unknown in file", nil, nil, "data: /x\npeer-listn: a", `line 2: there is no setting "peer-listn": did you mean peer-listen\?`},
		{"list in file", nil, nil, "zone: [a, b]", `zone takes one value`},
		{"no mapping", nil, nil, "just words", `name: value`},
		{"two documents", nil, nil, "zone: a\n---\nzone: b", `more than one document`},
		{"twice in file", nil, nil, "zone: a\nzone: b", `already defined`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			flags := append([]string{"data=/x"}, test.flags...)
			_, err := load(t, flags, test.env, test.file)
			switch {
			case test.want == "" && err != nil:
				t.Fatalf("got %v, want no error", err)
			case test.want != "" && (err == nil || !regexp.MustCompile(test.want).MatchString(err.Error())):
				t.Fatalf("got %v, want an error that matches %q", err, test.want)
			}
		})
	}
}

func TestFileIsMissing(t *testing.T) {
	_, err := config.NewValues().Load(filepath.Join(t.TempDir(), "none.yaml"), os.LookupEnv)
	if err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Fatalf("got %v, want an error that names the file", err)
	}
}

func TestParseBytes(t *testing.T) {
	tests := []struct {
		text string
		want int64 // -1 for an error
	}{
		{"0", 0},
		{"4096", 4096},
		{"1B", 1},
		{"64MiB", 64 << 20},
		{"64 mib", 64 << 20},
		{"1.5GiB", 3 << 29},
		{"10MB", 10e6},
		{"2TiB", 2 << 40},
		{"9223372036854775807", math.MaxInt64},
		{"9223372036854775808", -1},
		{"8388608TiB", -1},
		{"-1", -1},
		{"-0.5KiB", -1},
		{"NaN", -1},
		{"InfB", -1},
		{"", -1},
		{"MiB", -1},
		{"5 apples", -1},
	}
	for _, test := range tests {
		got, err := config.ParseBytes(test.text)
		if test.want < 0 && err == nil || test.want >= 0 && (err != nil || got != test.want) {
			t.Errorf("ParseBytes(%q): got %d, %v, want %d", test.text, got, err, test.want)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"1", "64MiB", "1.5gb", "-3", "1e18KiB", "0x10", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := config.ParseBytes(text)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("%q became %d", text, n)
		}
		if again, err := config.ParseBytes(config.FormatBytes(n)); err != nil || again != n {
			t.Fatalf("%d became %s, then %d (%v)", n, config.FormatBytes(n), again, err)
		}
	})
}

func TestMemoryFits(t *testing.T) {
	for _, bytes := range []int64{config.MinMemoryBytes, config.DefaultMemoryBytes, 8 << 30} {
		cfg := config.Default()
		cfg.MemoryBytes = bytes
		m := cfg.Memory()
		sum := m.CacheBytes + 2*m.MemTableBytes + int64(m.InflightBytes) + int64(m.WindowBytes) + int64(m.InputBytes)
		if sum > m.GoLimitBytes || m.GoLimitBytes >= bytes {
			t.Errorf("%s: parts %s, limit of the runtime %s", config.FormatBytes(bytes), config.FormatBytes(sum), config.FormatBytes(m.GoLimitBytes))
		}
	}
}

func TestNearest(t *testing.T) {
	names := config.Names()
	for word, want := range map[string]string{
		"peer-lisen": "peer-listen", "date": "data", "memry": "memory", "quite-another-thing": "", "x": "",
	} {
		if got := config.Nearest(word, names); got != want {
			t.Errorf("Nearest(%q): got %q, want %q", word, got, want)
		}
	}
}
