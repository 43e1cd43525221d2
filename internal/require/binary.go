package require

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BinaryEnv names a katakv executable that is there already.
const BinaryEnv = "KATAKV_BIN"

// Main runs the tests of a package that starts the program, and returns the exit code: it hands use the path of the
// katakv executable, built for the run unless BinaryEnv names one, and removes it afterwards.
func Main(m *testing.M, use func(executable string)) int {
	if path := os.Getenv(BinaryEnv); path != "" {
		use(path)
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "katakv-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "katakv")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/katakv/katakv/cmd/katakv").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build katakv: %v\n%s", err, out)
		return 1
	}
	use(path)
	return m.Run()
}
