package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
)

func Example() {
	startCluster() // three nodes on this machine; addresses are their cluster ports
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	if err := c.Set(ctx, "user:101", []byte("Alice")); err != nil {
		log.Fatal(err)
	}
	value, err := c.Get(ctx, "user:101")
	fmt.Printf("%s, %v\n", value, err)

	// An absent key is no error.
	value, err = c.Get(ctx, "user:102")
	fmt.Println(value == nil, err)

	// A count is exact, also when the leader dies meanwhile: the client sends it again under its request id.
	hits, err := c.IncrBy(ctx, "hits", 2)
	fmt.Println(hits, err)
	// Output:
	// Alice, <nil>
	// true <nil>
	// 2 <nil>
}

// A lock that expires with nobody's help needs a lease; one that is only ever held by who can name its revision needs
// compare-and-set.
func ExampleCommands_SetIf() {
	startCluster()
	ctx := context.Background()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	mine, err := c.SetIf(ctx, "printer", []byte("me"), client.IfAbsent())
	fmt.Println(mine.Applied, err)
	yours, err := c.SetIf(ctx, "printer", []byte("you"), client.IfAbsent())
	fmt.Println(yours.Applied, yours.Revision == mine.Revision, err)

	record, err := c.GetRecord(ctx, "printer")
	fmt.Printf("%s %v %v\n", record.Value, record.Revision == mine.Revision, err)
	gone, err := c.DeleteIf(ctx, "printer", client.IfRevision(mine.Revision))
	fmt.Println(gone.Applied, err)
	// Output:
	// true <nil>
	// false true <nil>
	// me true <nil>
	// true <nil>
}

// A session reads its own writes from whichever replica answers, and its token carries that to another process.
func ExampleSession() {
	startCluster()
	ctx := context.Background()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	writer := c.NewSession()
	if err := writer.Set(ctx, "cart:7", []byte("3 apples")); err != nil {
		log.Fatal(err)
	}
	token := writer.Token() // into a cookie, say

	reader, err := c.ParseSession(token) // and where the next request is served
	if err != nil {
		log.Fatal(err)
	}
	value, err := reader.Get(ctx, "cart:7")
	fmt.Printf("%s, %v\n", value, err)
	// Output:
	// 3 apples, <nil>
}

// Who can do with less than the newest value says so for each read, and is told what it got.
func ExampleCommands_With() {
	startCluster()
	ctx := context.Background()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Set(ctx, "news", []byte("none")); err != nil {
		log.Fatal(err)
	}

	var served []katakv.Served
	recent := c.With(client.Bounded(time.Hour), client.Tell(&served))
	if _, err := recent.Get(ctx, "news"); err != nil {
		log.Fatal(err)
	}
	answer := served[0]
	fmt.Println(answer.Age <= time.Hour, answer.Node != 0)

	newest, err := c.With(client.StrongReplica()).Get(ctx, "news")
	fmt.Printf("%s, %v\n", newest, err)
	// Output:
	// true true
	// none, <nil>
}

// Many commands share a few exchanges, with all nodes at a time.
func ExampleBatch() {
	startCluster()
	ctx := context.Background()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	var b client.Batch
	one, two := b.Incr("page:1"), b.IncrBy("page:2", 2)
	name := b.Append("title", []byte("News"))
	if err := c.Run(ctx, &b); err != nil {
		log.Fatal(err)
	}
	n, _ := one.Value()
	m, _ := two.Value()
	length, _ := name.Value()
	fmt.Println(n, m, length)

	counts, err := c.MGet(ctx, "page:1", "page:2", "page:3")
	fmt.Printf("%q %v\n", counts, err)
	// Output:
	// 1 2 4
	// ["1" "2" ""] <nil>
}

// Every error says whether the command took effect.
func ExampleError() {
	startCluster()
	ctx := context.Background()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Set(ctx, "word", []byte("seven")); err != nil {
		log.Fatal(err)
	}

	_, err = c.Incr(ctx, "word")
	switch {
	case err == nil:
		fmt.Println("applied")
	case errors.Is(err, client.ErrUnknown):
		fmt.Println("perhaps applied: read before going on")
	case errors.Is(err, client.ErrNotApplied):
		fmt.Println("not applied:", err)
	}
	// Output:
	// not applied: INCRBY "word": not applied: ERR value is not an integer or out of range
}

// The request id of a write that must happen once can be kept, so that it can be sent again after a crash.
func ExampleRequestID() {
	startCluster()
	ctx := context.Background()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	order := c.With(client.RequestID("order-17"))
	stock, err := order.IncrBy(ctx, "stock", -1)
	fmt.Println(stock, err)
	stock, err = order.IncrBy(ctx, "stock", -1) // as after a restart, in doubt whether it was sent
	fmt.Println(stock, err)
	// Output:
	// -1 <nil>
	// -1 <nil>
}

// Any other command goes the same way.
func ExampleCommands_Do() {
	startCluster()
	ctx := context.Background()
	c, err := client.Open(ctx, client.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	answer, err := c.Do(ctx, "SET", "{a}1", "x", "NX", "GET")
	fmt.Println(answer.IsNull(), err)
	answer, err = c.Do(ctx, "MGET", "{a}1", "{a}2")
	fmt.Println(answer, err)
	// Output:
	// true <nil>
	// array of 2 <nil>
}
