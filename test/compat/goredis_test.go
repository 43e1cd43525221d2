package compat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// bulkKeys is how many keys each client writes over all slots.
const bulkKeys = 500

func bulkKey(prefix string, i int) string { return fmt.Sprintf("%sbulk:%d", prefix, i) }
func bulkValue(prefix string, i int) string {
	return fmt.Sprintf("value %d of %s \r\n\x00\xff", i, prefix)
}

func testGoRedis(t *testing.T, to target) {
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprintf("cluster RESP%d", protocol), func(t *testing.T) {
			client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: to.cluster, Protocol: protocol})
			defer func() { _ = client.Close() }()
			prefix := newPrefix(t)
			runScript(t, "cluster", prefix, doGoRedis(t, client))
			useGoRedis(t, client, prefix)
			goRedisCrossSlot(t, client, prefix)
			masters := 0
			var mu sync.Mutex
			if err := client.ForEachMaster(t.Context(), func(_ context.Context, c *redis.Client) error {
				mu.Lock()
				defer mu.Unlock()
				masters++
				return c.Ping(t.Context()).Err()
			}); err != nil || masters != to.masters {
				t.Errorf("%d masters, want %d, %v", masters, to.masters, err)
			}
		})
		for i, addr := range to.plain {
			t.Run(fmt.Sprintf("plain %d RESP%d", i, protocol), func(t *testing.T) {
				client := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol})
				defer func() { _ = client.Close() }()
				prefix := newPrefix(t)
				runScript(t, "plain", prefix, doGoRedis(t, client))
				useGoRedis(t, client, prefix)
			})
		}
	}
}

func doGoRedis(t *testing.T, client redis.UniversalClient) doer {
	return func(args []string, _ []int) (any, error) {
		words := make([]any, len(args))
		for i := range args {
			words[i] = args[i]
		}
		reply, err := client.Do(t.Context(), words...).Result()
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		return reply, err
	}
}

// useGoRedis uses the client as programs do: typed calls, pipelines over all slots, several goroutines.
func useGoRedis(t *testing.T, client redis.UniversalClient, prefix string) {
	t.Helper()
	ctx := t.Context()
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range bulkKeys {
			p.Set(ctx, bulkKey(prefix, i), bulkValue(prefix, i), 0)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("pipeline of SET: %v", err)
	}
	gets := make([]*redis.StringCmd, bulkKeys)
	if _, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range gets {
			gets[i] = p.Get(ctx, bulkKey(prefix, i))
		}
		return nil
	}); err != nil {
		t.Fatalf("pipeline of GET: %v", err)
	}
	for i, get := range gets {
		if get.Val() != bulkValue(prefix, i) {
			t.Fatalf("key %d: got %q", i, get.Val())
		}
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 25 {
				if err := client.Incr(ctx, prefix+"counter").Err(); err != nil {
					t.Errorf("INCR: %v", err)
				}
			}
		})
	}
	group.Wait()
	if n, err := client.Get(ctx, prefix+"counter").Int(); n != 200 || err != nil {
		t.Errorf("counter: got %d, %v", n, err)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := client.Set(ctx, prefix+"large", large, 0).Err(); err != nil {
		t.Fatalf("1 MiB: %v", err)
	}
	if got, err := client.Get(ctx, prefix+"large").Bytes(); !bytes.Equal(got, large) {
		t.Errorf("1 MiB: got %d bytes, %v", len(got), err)
	}
	if n, err := client.Del(ctx, prefix+"large").Result(); n != 1 || err != nil {
		t.Errorf("DEL: got %d, %v", n, err)
	}
}

// goRedisCrossSlot checks what the cluster port says of keys in several slots, past the client's own check.
func goRedisCrossSlot(t *testing.T, client *redis.ClusterClient, prefix string) {
	t.Helper()
	node, err := client.MasterForKey(t.Context(), prefix+"x")
	if err != nil {
		t.Fatal(err)
	}
	err = node.Do(t.Context(), "MGET", prefix+"x", prefix+"y", prefix+"z").Err()
	if err == nil || !strings.HasPrefix(err.Error(), "CROSSSLOT") {
		t.Errorf("keys in several slots: got %v", err)
	}
}
