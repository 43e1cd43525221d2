package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/katakv/katakv/internal/command"
)

const (
	badClientName = "Client names cannot contain spaces, newlines or special characters."

	// maxClientNameBytes bounds names, which every connection may hold. Redis has no limit.
	maxClientNameBytes = 1024
)

// validClientName accepts what fits in a line of CLIENT LIST.
func validClientName(name string) bool {
	return len(name) <= maxClientNameBytes &&
		!strings.ContainsFunc(name, func(c rune) bool { return c < '!' || c > '~' })
}

func (r *request) clientID() { r.w.Int(int64(r.id)) }

func (r *request) clientGetName() {
	name := ""
	r.show(func(s *shown) { name = s.name })
	if name == "" {
		r.w.Null()
		return
	}
	r.w.BulkString(name)
}

func (r *request) clientSetName() {
	name := string(r.args[2])
	if !validClientName(name) {
		r.fail(badClientName)
		return
	}
	r.show(func(s *shown) { s.name = name })
	r.ok()
}

func (r *request) clientSetInfo() {
	value := string(r.args[3])
	if !validClientName(value) {
		r.fail(string(r.args[2][:min(len(r.args[2]), 16)]) + " cannot contain spaces, newlines or special characters.")
		return
	}
	switch strings.ToLower(string(r.args[2])) {
	case "lib-name":
		r.show(func(s *shown) { s.libName = value })
	case "lib-ver":
		r.show(func(s *shown) { s.libVersion = value })
	default:
		r.fail("Unrecognized option '" + printable(r.args[2]) + "'")
		return
	}
	r.ok()
}

func (r *request) clientInfo() {
	r.w.Verbatim("txt", r.describeClient(r.server.config.Now())+"\n")
}

// clientList is CLIENT LIST [TYPE type | ID id ...].
func (r *request) clientList() {
	keep, ok := clientFilter(r.args[2:])
	if !ok {
		r.fail("syntax error")
		return
	}
	now := r.server.config.Now()
	var text strings.Builder
	for _, c := range r.server.connections() {
		if keep(c) {
			text.WriteString(c.describeClient(now))
			text.WriteByte('\n')
		}
	}
	r.w.Verbatim("txt", text.String())
}

// clientFilter reads the options of CLIENT LIST.
func clientFilter(args [][]byte) (keep func(*conn) bool, ok bool) {
	if len(args) == 0 {
		return func(*conn) bool { return true }, true
	}
	if len(args) < 2 {
		return nil, false
	}
	switch strings.ToLower(string(args[0])) {
	case "type":
		kind := strings.ToLower(string(args[1]))
		known := slices.Contains([]string{"normal", "master", "replica", "slave", "pubsub"}, kind)
		return func(*conn) bool { return kind == "normal" }, known && len(args) == 2
	case "id":
		ids := make(map[uint64]bool)
		for _, arg := range args[1:] {
			id, ok := command.ParseInt(arg)
			if !ok || id < 1 {
				return nil, false
			}
			ids[uint64(id)] = true
		}
		return func(c *conn) bool { return ids[c.id] }, true
	}
	return nil, false
}

// describeClient is one line of CLIENT LIST. Any goroutine may call it.
func (c *conn) describeClient(now time.Time) string {
	c.mu.Lock()
	s := c.mu.shown
	c.mu.Unlock()
	flags := "N"
	if s.readOnly {
		flags = "r"
	}
	name := "NULL"
	if s.command != nil {
		name = s.command.FullName()
	}
	age := int64(now.Sub(c.opened).Seconds())
	idle := (now.UnixNano() - c.lastActive.Load()) / int64(time.Second)
	return fmt.Sprintf("id=%d addr=%s laddr=%s name=%s age=%d idle=%d flags=%s db=0 sub=0 psub=0 ssub=0 multi=-1 "+
		"cmd=%s user=default lib-name=%s lib-ver=%s resp=%d",
		c.id, c.net.RemoteAddr(), c.net.LocalAddr(), s.name, age, max(idle, 0), flags,
		name, s.libName, s.libVersion, s.protocol)
}
