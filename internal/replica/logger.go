package replica

import (
	"fmt"

	"go.etcd.io/raft/v3"
)

// raftLogger passes Raft's warnings and errors on and drops its chatter. Raft panics through it when its own
// invariants break; so do we.
type raftLogger struct {
	prefix string
	warn   func(message string)
}

var _ raft.Logger = (*raftLogger)(nil)

func (l *raftLogger) say(format string, args ...any) {
	if l.warn != nil {
		l.warn(l.prefix + fmt.Sprintf(format, args...))
	}
}

func (l *raftLogger) Debug(...any)                     {}
func (l *raftLogger) Debugf(string, ...any)            {}
func (l *raftLogger) Info(...any)                      {}
func (l *raftLogger) Infof(string, ...any)             {}
func (l *raftLogger) Warning(v ...any)                 { l.say("%s", fmt.Sprint(v...)) }
func (l *raftLogger) Warningf(format string, v ...any) { l.say(format, v...) }
func (l *raftLogger) Error(v ...any)                   { l.say("%s", fmt.Sprint(v...)) }
func (l *raftLogger) Errorf(format string, v ...any)   { l.say(format, v...) }
func (l *raftLogger) Fatal(v ...any)                   { panic("raft: " + fmt.Sprint(v...)) }
func (l *raftLogger) Fatalf(format string, v ...any)   { panic("raft: " + fmt.Sprintf(format, v...)) }
func (l *raftLogger) Panic(v ...any)                   { panic("raft: " + fmt.Sprint(v...)) }
func (l *raftLogger) Panicf(format string, v ...any)   { panic("raft: " + fmt.Sprintf(format, v...)) }
