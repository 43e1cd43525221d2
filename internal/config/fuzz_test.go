package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/katakv/katakv/internal/config"
	"github.com/katakv/katakv/internal/require"
)

// FuzzLoad reads any text as file, and any as one setting from flag and environment. What is accepted is valid, and
// written out as flags it gives the same again.
func FuzzLoad(f *testing.F) {
	f.Add("data: /x\nzone: z # comment\ncores: 2\n", uint8(0), "/y", "/z")
	f.Add("data: /x\ntick-interval: 20ms\nmemory: 1GiB\nlog-level: debug\n", uint8(2), "127.0.0.1:0", "[::1]:80")
	f.Add("a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n", uint8(11), "512MiB", "")
	f.Add("---\ndata: /x\n---\n", uint8(15), "warn+2", "")
	f.Add("insecure-listen: yes\npeer-listen: :7100\ndata: !!binary eA==\n", uint8(12), "true", "1")
	path := filepath.Join(f.TempDir(), "katakv.yaml")
	f.Fuzz(func(t *testing.T, file string, which uint8, flag, env string) {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		name := config.Names()[int(which)%len(config.Names())]
		values := config.NewValues()
		if flag != "" && set(values, name, flag) != nil {
			return
		}
		lookup := func(asked string) (string, bool) { return env, asked == config.EnvName(name) && env != "" }
		var cfg config.Config
		var err error
		require.AllocBelow(t, 256*len(file), func() { cfg, err = values.Load(path, lookup) })
		if err != nil {
			return
		}
		if err := cfg.Validate(); err != nil {
			t.Fatalf("loaded, but %v", err)
		}
		again := config.NewValues()
		for _, v := range values.All() {
			if err := set(again, v.Name(), v.String()); err != nil {
				t.Fatalf("%s=%q: %v", v.Name(), v.String(), err)
			}
		}
		got, err := again.Load("", func(string) (string, bool) { return "", false })
		if err != nil || got != cfg {
			t.Fatalf("got %+v, %v, want %+v", got, err, cfg)
		}
	})
}
