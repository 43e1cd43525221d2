package check

import (
	"errors"
	"fmt"
)

// findings gathers what a checker of a history found, up to a limit: after that, more of the same says nothing.
type findings struct {
	errs []error
	more int
}

const maxFindings = 10

func (f *findings) add(format string, args ...any) {
	if len(f.errs) == maxFindings {
		f.more++
		return
	}
	f.errs = append(f.errs, fmt.Errorf(format, args...))
}

// err returns nil if nothing was found.
func (f *findings) err() error {
	if f.more > 0 {
		f.errs = append(f.errs, fmt.Errorf("... and %d more", f.more))
	}
	return errors.Join(f.errs...)
}
