package server

import (
	"strings"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/resp"
)

// noUsers answers every attempt to authenticate.
const noUsers = "AUTH is not possible, there are no users yet: connect without user name and password"

func (r *request) ping() {
	switch len(r.args) {
	case 1:
		r.w.SimpleString("PONG")
	case 2:
		r.w.Bulk(r.args[1])
	default:
		r.fail("wrong number of arguments for 'ping' command")
	}
}

func (r *request) echo() { r.w.Bulk(r.args[1]) }

func (r *request) auth() { r.fail(noUsers) }

func (r *request) selectDatabase() {
	n, ok := command.ParseInt(r.args[1])
	switch {
	case !ok:
		r.fail("invalid DB index")
	case n == 0:
		r.ok()
	case r.server.clustered():
		r.fail("SELECT is not allowed in cluster mode")
	default:
		r.fail("DB index is out of range: there is one database, 0")
	}
}

func (r *request) quit() {
	r.leaving = true
	r.ok()
}

func (r *request) reset() {
	r.setProtocol(resp.Protocol2)
	r.setReadOnly(false)
	r.reading = reading{}
	r.show(func(s *shown) { s.name = "" })
	r.w.SimpleString("RESET")
}

// markReadOnly lets the connection read slots of which this node has a replica, see [conn.run].
func (r *request) markReadOnly() {
	r.setReadOnly(true)
	r.ok()
}

func (r *request) markReadWrite() {
	r.setReadOnly(false)
	r.ok()
}

func (r *request) setReadOnly(on bool) {
	r.readOnly = on
	r.show(func(s *shown) { s.readOnly = on })
}

// hello is HELLO [protover [AUTH user password] [SETNAME name]].
func (r *request) hello() {
	protocol := r.protocol
	if len(r.args) > 1 {
		n, ok := command.ParseInt(r.args[1])
		if !ok {
			r.fail("Protocol version is not an integer or out of range")
			return
		}
		if n != resp.Protocol2 && n != resp.Protocol3 {
			r.w.Error("NOPROTO unsupported protocol version")
			return
		}
		protocol = int(n)
	}
	name, named, message := helloOptions(r.args)
	if message != "" {
		r.fail(message)
		return
	}
	r.setProtocol(protocol)
	if named {
		r.show(func(s *shown) { s.name = name })
	}
	r.describe()
}

// helloOptions reads what follows the version; message is the error, if any.
func helloOptions(args [][]byte) (name string, named bool, message string) {
	for i := 2; i < len(args); i++ {
		option, left := strings.ToLower(string(args[i])), len(args)-i-1
		switch {
		case option == "auth" && left >= 2:
			return "", false, noUsers
		case option == "setname" && left >= 1:
			i++
			name, named = string(args[i]), true
			if !validClientName(name) {
				return "", false, badClientName
			}
		default:
			return "", false, "Syntax error in HELLO option '" + printable(args[i]) + "'"
		}
	}
	return name, named, ""
}

// describe writes HELLO's reply in the protocol chosen.
func (r *request) describe() {
	r.w.MapHeader(7)
	r.w.BulkString("server")
	r.w.BulkString("redis")
	r.w.BulkString("version")
	r.w.BulkString(RedisVersion)
	r.w.BulkString("proto")
	r.w.Int(int64(r.protocol))
	r.w.BulkString("id")
	r.w.Int(int64(r.id))
	r.w.BulkString("mode")
	r.w.BulkString(r.server.modeName())
	r.w.BulkString("role")
	r.w.BulkString("master")
	r.w.BulkString("modules")
	r.w.ArrayHeader(0)
}

// setProtocol changes the protocol for this reply and all that follow.
func (r *request) setProtocol(protocol int) {
	r.protocol = protocol
	r.w.SetProtocol(protocol)
	r.show(func(s *shown) { s.protocol = protocol })
}

// show changes what CLIENT LIST tells of the connection.
func (c *conn) show(change func(*shown)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.mu.shown)
}

// printable makes a client's word fit for an error line; the writer takes care of line ends.
func printable(word []byte) string {
	const most = 128
	return strings.ToValidUTF8(string(word[:min(len(word), most)]), "?")
}
