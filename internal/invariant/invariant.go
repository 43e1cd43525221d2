package invariant

import "fmt"

// Check panics with "BUG: " and the formatted message unless ok holds. The message should carry the numbers
// that a reader of the crash needs.
func Check(ok bool, format string, args ...any) {
	if !ok {
		panic("BUG: " + fmt.Sprintf(format, args...))
	}
}

// NoError panics unless err is nil; what says which action cannot fail here.
func NoError(err error, what string) {
	if err != nil {
		panic(fmt.Sprintf("BUG: %s: %v", what, err))
	}
}
