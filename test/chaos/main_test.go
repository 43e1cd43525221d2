package chaos

import (
	"os"
	"testing"

	"github.com/katakv/katakv/internal/require"
)

// executable is the path of the katakv binary under test.
var executable string

func TestMain(m *testing.M) {
	os.Exit(require.Main(m, func(path string) { executable = path }))
}
