package server

import (
	"bytes"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/session"
)

// withSpec is KATA WITH, which the table has.
var withSpec = func() *command.Spec {
	kata, _ := command.Lookup([]byte("kata"))
	spec, _ := kata.Subcommand([]byte("with"))
	return spec
}()

// with is what KATA WITH said of calls that stand together: they are executed as one batch, in one session. It leaves
// the connection's own level and session alone.
type with struct {
	command.With
	session session.Session
}

// with returns what KATA WITH says of the next call: the same as of the one before it, if it says the same.
func (w *workspace) with(args [][]byte, topology *router.Topology) (*with, *katakv.Error) {
	said, err := command.ParseWith(args)
	if err != nil {
		return nil, err
	}
	if n := len(w.withs); n > 0 && w.withs[n-1].says(&said) {
		return w.withs[n-1], nil
	}
	its := &with{With: said}
	if len(said.Token) > 0 {
		seen, err := session.Parse(said.Token, topology.Map.Cluster)
		if err != nil {
			return nil, err
		}
		its.session = *seen
	}
	return its, nil
}

func (its *with) says(other *command.With) bool {
	return its != nil && its.Read == other.Read && its.Default == other.Default && bytes.Equal(its.Token, other.Token)
}

// writeAnswer writes the reply to a call. Behind KATA WITH it is the first of three elements; how it was answered is the
// second, the epoch of the map by which it was the third. An error stays an error.
func writeAnswer(w *resp.Writer, topology *router.Topology, call *router.Call, its *with) {
	reply := call.Reply
	if reply.Kind == command.ReplyArray {
		switch call.Operation.Kind {
		case command.KindGetRecord:
			reply = showRevision(reply, 0)
		case command.KindSetIf, command.KindDelIf:
			reply = showRevision(reply, 1)
		}
	}
	if its == nil || reply.Kind == command.ReplyError {
		writeReply(w, topology, &reply)
		return
	}
	w.ArrayHeader(3)
	writeReply(w, topology, &reply)
	parts := call.Parts
	if call.Served.Index != 0 {
		parts = []katakv.Served{call.Served}
	}
	writeServed(w, parts)
	w.Int(int64(topology.Map.Epoch))
}

// showRevision replaces the number of a revision, which is an element of a reply, by its text, and zero by nil.
func showRevision(reply command.Reply, element int) command.Reply {
	shown := command.Reply{Kind: reply.Kind, Array: append([]command.Reply(nil), reply.Array...)}
	shown.Array[element] = command.Reply{}
	if n := reply.Array[element].Int; n != 0 {
		shown.Array[element] = command.BulkReply([]byte(katakv.Revision(n).String()))
	}
	return shown
}
