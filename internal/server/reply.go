package server

import (
	"errors"
	"fmt"
	"net"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/invariant"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
)

var (
	errLoading = katakv.Errorf(katakv.CodeLoading,
		"this node is not part of a cluster yet: run `katakv cluster create`")
	errCrossSlot = katakv.Errorf(katakv.CodeCrossSlot,
		"Keys in request don't hash to the same slot")
)

// writeReply writes one reply in the writer's protocol.
func writeReply(w *resp.Writer, topology *router.Topology, reply *command.Reply) {
	switch reply.Kind {
	case command.ReplyNil:
		w.Null()
	case command.ReplyOK:
		w.SimpleString("OK")
	case command.ReplyInt:
		w.Int(reply.Int)
	case command.ReplyBulk:
		w.Bulk(reply.Bulk)
	case command.ReplyArray:
		w.ArrayHeader(len(reply.Array))
		for i := range reply.Array {
			writeReply(w, topology, &reply.Array[i])
		}
	case command.ReplyError:
		writeError(w, topology, reply.Err)
	default:
		invariant.Check(false, "reply of kind %d", reply.Kind)
	}
}

// writeError writes an error with its Redis prefix; a redirect names the node's address.
func writeError(w *resp.Writer, topology *router.Topology, err *katakv.Error) {
	if err.Code != katakv.CodeMoved {
		w.Error(err.Error())
		return
	}
	node := topology.Node(err.Leader)
	if node == nil {
		// The client would not know whom to ask; it asks again after it has fetched the map anew.
		w.Error("CLUSTERDOWN the leader of this slot is not known yet")
		return
	}
	host, port := hostPort(node.Addresses.Cluster)
	w.Error(fmt.Sprintf("MOVED %d %s:%d", err.Slot, host, port))
}

// refuse answers input that is no RESP; the connection ends after it.
func (c *conn) refuse(w *workspace, topology *router.Topology, err error) {
	c.server.config.Logger.Debug("closing connection", "client", c.net.RemoteAddr().String(), "error", err)
	var foreign *resp.ForeignError
	if errors.As(err, &foreign) && foreign.Protocol == "HTTP" {
		w.writer.Raw(httpAnswer(topology))
		return
	}
	w.writer.Error("ERR " + err.Error())
}

// httpAnswer tells a browser or curl where the HTTP port is.
func httpAnswer(topology *router.Topology) []byte {
	text := "this port speaks the Redis protocol; HTTP is on another port of this node"
	if self := topology.Node(topology.Self); self != nil && self.Addresses.HTTP != "" {
		text = "this port speaks the Redis protocol; HTTP is at http://" + self.Addresses.HTTP
	}
	text += "\n"
	return fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
}

// hostPort splits an advertised address. The map holds valid ones only; port is 0 otherwise.
func hostPort(address string) (host string, port int) {
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	n, _ := command.ParseInt([]byte(digits))
	return host, int(n)
}
