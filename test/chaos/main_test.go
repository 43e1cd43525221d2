package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// executable is the path of the katakv binary under test.
var executable string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	if executable = os.Getenv("KATAKV_BIN"); executable != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "katakv-test-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	executable = filepath.Join(dir, "katakv")
	if out, err := exec.Command("go", "build", "-o", executable, "github.com/katakv/katakv/cmd/katakv").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build katakv: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
