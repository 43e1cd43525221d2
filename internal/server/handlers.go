package server

import (
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
)

// request is one control command on its way through its handler, which writes exactly one reply.
type request struct {
	*conn
	spec     *command.Spec
	args     [][]byte
	w        *resp.Writer
	topology *router.Topology
}

// handlerNames holds the handler of every command that the server answers by itself, by full name.
var handlerNames = map[string]func(*request){
	"ping":     (*request).ping,
	"echo":     (*request).echo,
	"hello":    (*request).hello,
	"auth":     (*request).auth,
	"select":   (*request).selectDatabase,
	"quit":     (*request).quit,
	"reset":    (*request).reset,
	"readonly": (*request).markReadOnly, "readwrite": (*request).markReadWrite, "asking": (*request).ok,

	"client|id":      (*request).clientID,
	"client|getname": (*request).clientGetName,
	"client|setname": (*request).clientSetName,
	"client|setinfo": (*request).clientSetInfo,
	"client|info":    (*request).clientInfo,
	"client|list":    (*request).clientList,
	"client|help":    (*request).help,

	"command":         (*request).commandAll,
	"command|count":   (*request).commandCount,
	"command|docs":    (*request).commandDocs,
	"command|info":    (*request).commandInfo,
	"command|list":    (*request).commandList,
	"command|getkeys": (*request).commandGetKeys,
	"command|help":    (*request).help,

	"info":        (*request).info,
	"config|get":  (*request).configGet,
	"config|help": (*request).help,
	"time":        (*request).time,
	"dbsize":      (*request).dbSize,
	"wait":        (*request).wait,

	"cluster|info":            (*request).clusterInfo,
	"cluster|myid":            (*request).clusterMyID,
	"cluster|nodes":           (*request).clusterNodes,
	"cluster|slots":           (*request).clusterSlots,
	"cluster|shards":          (*request).clusterShards,
	"cluster|keyslot":         (*request).clusterKeySlot,
	"cluster|countkeysinslot": (*request).clusterCountKeysInSlot,
	"cluster|help":            (*request).help,

	"kata|consistency": (*request).kataConsistency,
	"kata|session":     (*request).kataSession,
	"kata|journey":     (*request).kataJourney,
	"kata|last":        (*request).kataLast,
	"kata|help":        (*request).help,
}

// handlers is handlerNames by spec; a command without a handler is a data command.
var handlers map[*command.Spec]func(*request)

// The handlers of COMMAND and HELP read the table, which would be a cycle in a plain initialiser.
func init() {
	handlers = make(map[*command.Spec]func(*request), len(handlerNames))
	add := func(s *command.Spec) {
		handler := handlerNames[s.FullName()]
		if handler != nil {
			handlers[s] = handler
			return
		}
		invariant.Check(s.Parse != nil || s.Refusal != "" || s.Container(), "nothing answers %s", s.FullName())
	}
	for _, s := range command.All() {
		add(s)
		for _, sub := range s.Subcommands {
			add(sub)
		}
	}
	invariant.Check(len(handlers) == len(handlerNames), "a handler has no command in the table")
}

// control answers a command about the connection or the server.
func (c *conn) control(w *workspace, topology *router.Topology) {
	c.server.commands.Add(1)
	c.mu.Lock()
	c.mu.shown.command = w.control
	c.mu.Unlock()
	r := request{conn: c, spec: w.control, args: w.controlArgs, w: w.writer, topology: topology}
	handlers[w.control](&r)
}

func (r *request) ok() { r.w.SimpleString("OK") }

// fail answers an error that concerns no data.
func (r *request) fail(message string) { r.w.Error("ERR " + message) }

// help lists the subcommands of a container.
func (r *request) help() {
	container, _ := command.Lookup(r.args[0])
	lines := []string{container.Name + " <subcommand> [<arg> ...]. Subcommands are:"}
	for _, sub := range container.Subcommands {
		if sub.Refusal == "" {
			lines = append(lines, sub.Name+" "+sub.Syntax, "    "+sub.Summary+".")
		}
	}
	r.w.ArrayHeader(len(lines))
	for _, line := range lines {
		r.w.SimpleString(line)
	}
}
