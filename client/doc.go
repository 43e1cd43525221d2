// Package client is KataKV's Go client. So far it holds its connection layer: [Conn], one connection to one
// address, with commands in and typed values out. It speaks to any server of the Redis protocol; `katakv load`
// and `katakv bench` stand on it.
//
//	conn, err := client.Dial(ctx, "127.0.0.1:7001", client.Options{})
//	if err != nil {
//		return err
//	}
//	defer conn.Close()
//	value, err := conn.Do(ctx, "GET", "user:101")
//
// Many commands share one write and one wait when they are pipelined:
//
//	for _, key := range keys {
//		conn.Send("GET", key)
//	}
//	err := conn.Flush(ctx)
//	for range keys {
//		value, err := conn.Receive(ctx)
//	}
//
// What it promises:
//
//   - An error that the server answered is a [*ReplyError]; the connection is sound and goes on.
//   - Everything else that goes wrong on the way (a time limit, a broken connection, bytes that are no reply) is
//     a [*ConnError] and closes the connection for good: replies could no longer be told apart. Each later call
//     returns the same cause.
//   - [OutcomeOf] tells of either error whether a write may have taken effect. Nothing is retried here.
//   - Every wait ends with its context, and after [Options].Timeout.
//   - Buffers are reused: sending with [Conn.SendBytes] allocates nothing.
//
// It leaves to its callers pools of connections, redirects and retries.
//
// # Concurrency
//
// A [Conn] belongs to one goroutine at a time; only [Conn.Close] may be called from any. No goroutine outlives
// Close; while a call waits, the end of its context is awaited by the context package. [Value] and the errors are plain data.
package client
