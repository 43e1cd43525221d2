// Package client is KataKV's Go client.
//
//	c, err := client.Open(ctx, client.Config{Addresses: []string{"10.0.0.1:7001", "10.0.0.2:7001"}})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//
//	err = c.Set(ctx, "user:101", []byte("Alice"))
//	value, err := c.Get(ctx, "user:101") // nil if the key is absent
//	hits, err := c.Incr(ctx, "hits")     // exact, whatever dies meanwhile
//
// Name the cluster ports of some nodes: the client learns the others, asks the right node for each key, and follows the
// map when leaders change and nodes come and go. The plain port of any node works as well, at the price of one hop more.
// A [Client] keeps a bounded number of connections to each node, is used from any number of goroutines, and is closed in
// the end.
//
// # What became of it
//
// A command that returns nil was applied. Each error says which of the two other outcomes it was:
//
//	errors.Is(err, client.ErrNotApplied) // nothing happened, and nothing will
//	errors.Is(err, client.ErrUnknown)    // it may have happened, or may do so yet
//
// The client sends again what failed, at the right node and after a pause that grows, until the context ends. That is safe
// for writes because each has a request id, under which the cluster executes it once: so an unknown outcome is left only
// when time runs out. [WithoutRequestID] turns this off; [RequestID] lets a program choose the id and send the same write
// again after a crash of its own. [Error] tells the rest: attempts, causes, the id.
//
// # Compare and set
//
// [Commands.GetRecord] returns a value with its revision; [Commands.SetIf] and [Commands.DeleteIf] happen only if the
// record is still that one, or absent, or there:
//
//	record, err := c.GetRecord(ctx, "cart")
//	change, err := c.SetIf(ctx, "cart", edit(record.Value), client.IfRevision(record.Revision))
//	if !change.Applied { ... } // somebody else was first
//
// # How fresh a read is
//
// Reads reflect every write acknowledged before. Who can do with less says so, for some commands or in the [Config] for
// all, and any replica may answer:
//
//	c.With(client.StrongReplica()).Get(ctx, key)      // just as fresh
//	c.With(client.Bounded(time.Second)).Get(ctx, key) // at most a second old
//	c.With(client.Eventual()).Get(ctx, key)           // some state of the past
//
// [Tell] answers who served a read, how far its replica was, and how old the answer may be.
//
// A [Session] reads what it has written and never sees a key go back, without strong reads. It is a value, not a
// connection; its token carries it to other processes:
//
//	s := c.NewSession()
//	err = s.Set(ctx, "cart", value)
//	token := s.Token()
//	...
//	s, err := c.ParseSession(token) // elsewhere
//	value, err := s.Get(ctx, "cart")
//
// # Many commands
//
// [Commands.MGet], [Commands.MSet], [Commands.Delete] and [Commands.Exists] take many keys. A [Batch] holds any commands
// and runs them in few exchanges, with all nodes at a time. [Commands.Do] takes every command that the client has no method
// for.
//
// # One connection
//
// Beneath is [Conn], one connection to one address, with commands in and typed values out, for tools that want to say
// themselves what is sent when. It speaks to any server of the Redis protocol; `katakv load` and `katakv bench` stand on it.
// It retries nothing. An error that the server answered is a [*ReplyError], and the connection goes on; everything else is
// a [*ConnError] and closes it for good, since replies could no longer be told apart. [OutcomeOf] tells of either whether a
// write may have taken effect.
//
// # Concurrency
//
// A [Client] and a [Session] may be used from any goroutine; [Commands] too, but for those that [Tell]. A call runs on the
// goroutine of its caller, with one more for each node while a batch is under way with several: all have ended when it
// returns, so a Client has none that could be left over. A [Batch] and its results belong to one goroutine at a time, and
// so does a [Conn], whose [Conn.Close] alone may be called from any. [Value], errors and options are plain data.
//
//	goroutine   owner          receives           ends
//	exchange    a call         a batch's replies  before the call returns
//
// Locks: Client.mu is taken before node.mu; Session.mu and the dice's alone.
package client
