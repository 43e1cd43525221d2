package compat

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// testIORedis runs ioredis.mjs, which reads the same script. It installs ioredis as locked beside it.
func testIORedis(t *testing.T, to target) {
	node, npm := tool(t, "node"), tool(t, "npm")
	if _, err := os.Stat("node_modules/ioredis/package.json"); err != nil {
		if out, err := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
			missing(t, "ioredis cannot be installed: "+err.Error()+": "+string(out))
		}
	}
	for _, mode := range []string{"cluster", "plain"} {
		t.Run(mode, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), node, "ioredis.mjs", mode)
			cmd.Env = append(os.Environ(), "KATAKV_CLUSTER_ADDRS="+strings.Join(to.cluster, ","),
				"KATAKV_PLAIN_ADDRS="+strings.Join(to.plain, ","), "KATAKV_PREFIX="+newPrefix(t))
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "ioredis: ok") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
