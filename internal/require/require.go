package require

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// Names of the environment variables that this package reads.
const (
	// StrictEnv turns skips into failures when it is "1".
	StrictEnv = "KATAKV_REQUIRE"

	// SeedEnv holds the run's seed as a decimal uint64.
	SeedEnv = "KATAKV_SEED"

	// SeedsEnv holds how many seeds a test goes through that goes through several, as a decimal number.
	SeedsEnv = "KATAKV_SEEDS"

	// FullEnv asks for the full size of a measurement when it is "1"; otherwise tests take a sample.
	FullEnv = "KATAKV_FIGURES"
)

// defaultSeed is the seed of a run that named none: fixed, so that a plain `go test` repeats.
const defaultSeed = 1

// Tool returns the path of an executable found in PATH. Without it the test is skipped, or fails where
// StrictEnv is set.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed")
	}
	return path
}

// Root skips the test, or fails it where StrictEnv is set, unless it runs as the superuser.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "needs to run as the superuser")
	}
}

// Available skips the test, or fails it where StrictEnv is set, when err says why something cannot be had here.
func Available(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		missing(t, err.Error())
	}
}

// Seed returns the seed that randomised tests derive theirs from: SeedEnv, or a fixed default. The test
// prints it when it fails.
func Seed(t testing.TB) uint64 {
	t.Helper()
	text := os.Getenv(SeedEnv)
	if text == "" {
		return defaultSeed
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a decimal uint64: %v", SeedEnv, text, err)
	}
	return seed
}

// Seeds returns the seeds for a test that goes through several: Seed and those after it, n of them or as many
// as SeedsEnv says. A seed from among them is repeated alone with SeedEnv and a SeedsEnv of 1.
func Seeds(t testing.TB, n int) []uint64 {
	t.Helper()
	if text := os.Getenv(SeedsEnv); text != "" {
		count, err := strconv.ParseUint(text, 10, 32)
		if err != nil || count == 0 {
			t.Fatalf("%s=%q is not a number of seeds", SeedsEnv, text)
		}
		n = int(count)
	}
	first := Seed(t)
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = first + uint64(i)
	}
	return seeds
}

// Full reports whether a measurement should run at its full size.
func Full() bool { return os.Getenv(FullEnv) == "1" }

// missing ends the test.
func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(StrictEnv) == "1" {
		t.Fatalf("%s, and %s=1 forbids to skip", why, StrictEnv)
	}
	t.Skip(why)
}
