package server

import (
	"errors"
	"sync"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/resp"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/slot"
)

// workspace is what a connection needs while it answers, and gives back while it waits.
type workspace struct {
	// calls is the batch: the data commands since the last control command.
	calls []router.Call
	// withs holds for each call what KATA WITH said of it, or nil.
	withs []*with
	// errors are the replies to commands that were refused before they became a call.
	errors []earlyError
	bytes  int
	// control is the command about the connection or the server that ended the batch, or nil.
	control     *command.Spec
	controlArgs [][]byte

	writer *resp.Writer
}

// earlyError is the reply to a refused command that stood before the call with that position.
type earlyError struct {
	before int
	err    *katakv.Error
}

// workspaces are shared by all servers of the process: there are as many as connections busy at a time.
var workspaces = sync.Pool{New: func() any { return &workspace{writer: resp.NewWriter(nil, resp.Protocol2)} }}

func takeWorkspace(protocol int) *workspace {
	w := workspaces.Get().(*workspace)
	w.writer.SetProtocol(protocol)
	return w
}

// release gives the workspace back without what the last batch held. Its slices are bounded by
// maxBatchCommands; the writer bounds itself.
func (w *workspace) release() {
	w.clear()
	w.writer.Reset()
	workspaces.Put(w)
}

// clear empties the batch and drops its references, so that the pool keeps no values alive.
func (w *workspace) clear() {
	clear(w.calls)
	clear(w.withs)
	clear(w.errors)
	w.calls, w.withs, w.errors, w.bytes = w.calls[:0], w.withs[:0], w.errors[:0], 0
	w.control, w.controlArgs = nil, nil
}

func (w *workspace) full() bool {
	return len(w.calls)+len(w.errors) >= maxBatchCommands || w.bytes >= maxBatchBytes
}

func (w *workspace) refuse(err *katakv.Error) {
	w.errors = append(w.errors, earlyError{before: len(w.calls), err: err})
}

// collect parses commands into the batch until it is full, a control command came (nil), the input is used up
// (resp.ErrIncomplete), or the input is beyond repair (any other error).
func (c *conn) collect(w *workspace, topology *router.Topology) error {
	w.clear()
	for !w.full() {
		args, err := c.parser.Next()
		if err != nil {
			if tooLarge := asTooLarge(err); tooLarge != nil {
				w.refuse(c.tooLarge(tooLarge))
				continue
			}
			return err
		}
		spec, refusal := command.Resolve(args)
		switch {
		case refusal != nil:
			w.refuse(refusal)
		case topology.Map == nil && !spec.Flags.Has(command.SpecLoading):
			w.refuse(errLoading)
		case handlers[spec] != nil:
			w.control, w.controlArgs = spec, args
			return nil
		default:
			c.addCall(w, spec, args, topology)
		}
	}
	return nil
}

// addCall parses a data command into the batch.
func (c *conn) addCall(w *workspace, spec *command.Spec, args [][]byte, topology *router.Topology) {
	op, err := c.parse(spec, args)
	var its *with
	if err == nil && spec == withSpec {
		its, err = w.with(args, topology)
	}
	if err != nil {
		w.refuse(err)
		return
	}
	w.bytes += op.Bytes()
	w.calls, w.withs = append(w.calls, router.Call{Operation: op}), append(w.withs, its)
}

// parse turns the arguments of a data command into an operation that this port may execute.
func (c *conn) parse(spec *command.Spec, args [][]byte) (command.Operation, *katakv.Error) {
	op, err := spec.Parse(args)
	if err == nil {
		err = c.limits.Check(&op)
	}
	if err == nil && len(op.Keys) > 1 && c.server.clustered() && crossesSlots(op.Keys) {
		err = errCrossSlot
	}
	if op.Kind == command.KindAppend {
		op.Delta = int64(c.limits.MaxValueBytes) // travels in the log, so that all replicas judge alike
	}
	return op, err
}

func crossesSlots(keys [][]byte) bool {
	first := slot.Of(keys[0])
	for _, key := range keys[1:] {
		if slot.Of(key) != first {
			return true
		}
	}
	return false
}

// execute runs the batch and writes its replies; false when the client does not take them.
func (c *conn) execute(w *workspace, topology *router.Topology) bool {
	c.server.commands.Add(int64(len(w.calls) + len(w.errors)))
	if len(w.calls) > 0 {
		c.run(w.calls, w.withs, topology)
		c.reading.answered(&w.calls[len(w.calls)-1])
		// A redirect may name a node that the batch's topology does not know yet.
		topology = c.server.config.Backend.Topology()
	}
	early := w.errors
	for i := range w.calls {
		for len(early) > 0 && early[0].before == i {
			writeError(w.writer, topology, early[0].err)
			early = early[1:]
		}
		if noRoom(&w.calls[i].Reply) && !c.again(w, i, topology) {
			return false
		}
		writeAnswer(w.writer, topology, &w.calls[i], w.withs[i])
		w.calls[i].Reply = command.Reply{} // Written, so its memory may go before the rest is.
		if w.writer.Len() >= flushBytes && !c.flush(w) {
			return false
		}
	}
	for _, e := range early {
		writeError(w.writer, topology, e.err)
	}
	return true
}

// run executes the calls in order, those that stand together and want the same at a time.
func (c *conn) run(calls []router.Call, withs []*with, topology *router.Topology) {
	for len(calls) > 0 {
		its, mode, n := withs[0], c.mode(&calls[0].Operation, withs[0], topology), 1
		for n < len(calls) && withs[n] == its && c.mode(&calls[n].Operation, its, topology) == mode {
			n++
		}
		batch := router.Batch{Mode: mode, Calls: calls[:n], Read: c.consistency(topology), Session: &c.reading.session}
		if its != nil {
			batch.Session = &its.session
			if !its.Default {
				batch.Read = its.Read
			}
		}
		c.server.config.Backend.Run(c.server.ctx, batch)
		calls, withs = calls[n:], withs[n:]
	}
}

// mode is how an operation is executed. On the cluster port, reads of slots of which this node has a replica are
// answered by that instead of redirected, if the connection is READONLY or KATA WITH asks for no more.
func (c *conn) mode(op *command.Operation, its *with, topology *router.Topology) router.Mode {
	anywhere := c.readOnly || its != nil && !its.Default && its.Read.Anywhere()
	if !anywhere || op.Kind.Writes() || !c.server.clustered() {
		return c.server.config.Mode
	}
	shard, _ := topology.ShardAt(slot.Of(op.Keys[0]))
	for _, replica := range shard.Replicas {
		if replica.Node == topology.Self && !replica.Learner {
			return router.Forward
		}
	}
	return router.Redirect
}

func noRoom(r *command.Reply) bool {
	return r.Kind == command.ReplyError && r.Err.Code == katakv.CodeNoRoom
}

// again does the reads from position i on once more, for which there was no room among the replies: those are
// sent first, so that one connection holds a bounded part of what it asked for.
func (c *conn) again(w *workspace, i int, topology *router.Topology) bool {
	if !c.flush(w) {
		return false
	}
	calls, n := w.calls[i:], 1
	for n < len(calls) && noRoom(&calls[n].Reply) {
		n++
	}
	c.run(calls[:n], w.withs[i:i+n], topology)
	return true
}

// asTooLarge returns err if it is a TooLargeError, else nil. It stands apart because its variable would be an
// allocation for every command.
func asTooLarge(err error) *resp.TooLargeError {
	var tooLarge *resp.TooLargeError
	if errors.As(err, &tooLarge) {
		return tooLarge
	}
	return nil
}

// tooLarge words a size error in the terms of keys and values.
func (c *conn) tooLarge(err *resp.TooLargeError) *katakv.Error {
	switch {
	case err.Arg < 0:
		return katakv.Errorf(katakv.CodeTooLarge, "command of %d bytes is over the limit of %d bytes: send fewer keys at a time",
			err.Bytes, err.LimitBytes)
	case err.Arg <= 1:
		return katakv.Errorf(katakv.CodeTooLarge, "key of %d bytes is over the limit of %d bytes",
			err.Bytes, c.limits.MaxKeyBytes)
	default:
		return command.ValueTooLarge(err.Bytes, err.LimitBytes)
	}
}
