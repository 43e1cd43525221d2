package compat

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/redis/rueidis"
)

func testRueidis(t *testing.T, to target) {
	for _, resp2 := range []bool{false, true} {
		name := map[bool]string{false: "RESP3", true: "RESP2"}[resp2]
		t.Run("cluster "+name, func(t *testing.T) {
			prefix := newPrefix(t)
			client := newRueidis(t, rueidis.ClientOption{InitAddress: to.cluster, AlwaysRESP2: resp2, ShuffleInit: true})
			runScript(t, "cluster", prefix, doRueidis(t, client))
			useRueidis(t, client, prefix)
		})
		for i, addr := range to.plain {
			t.Run(fmt.Sprintf("plain %d %s", i, name), func(t *testing.T) {
				prefix := newPrefix(t)
				client := newRueidis(t, rueidis.ClientOption{
					InitAddress: []string{addr}, AlwaysRESP2: resp2, ForceSingleClient: true,
				})
				runScript(t, "plain", prefix, doRueidis(t, client))
				useRueidis(t, client, prefix)
			})
		}
	}
}

// newRueidis returns a client without client-side caching, which needs a server that tracks keys.
func newRueidis(t *testing.T, option rueidis.ClientOption) rueidis.Client {
	t.Helper()
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func doRueidis(t *testing.T, client rueidis.Client) doer {
	return func(args []string, keys []int) (any, error) {
		isKey := map[int]bool{}
		for _, i := range keys {
			isKey[i] = true
		}
		command := client.B().Arbitrary(args[0])
		for i, arg := range args[1:] {
			if isKey[i+1] {
				command = command.Keys(arg)
			} else {
				command = command.Args(arg)
			}
		}
		reply, err := client.Do(t.Context(), command.Build()).ToAny()
		if rueidis.IsRedisNil(err) {
			return nil, nil
		}
		if redisErr, ok := rueidis.IsRedisErr(err); ok {
			return nil, fmt.Errorf("ERR %w", redisErr) // the client drops this prefix
		}
		return reply, err
	}
}

func useRueidis(t *testing.T, client rueidis.Client, prefix string) {
	t.Helper()
	ctx := t.Context()
	var sets, gets rueidis.Commands
	for i := range bulkKeys {
		sets = append(sets, client.B().Set().Key(bulkKey(prefix, i)).Value(bulkValue(prefix, i)).Build())
		gets = append(gets, client.B().Get().Key(bulkKey(prefix, i)).Build())
	}
	for i, result := range client.DoMulti(ctx, sets...) {
		if err := result.Error(); err != nil {
			t.Fatalf("SET %d: %v", i, err)
		}
	}
	for i, result := range client.DoMulti(ctx, gets...) {
		if got, err := result.ToString(); got != bulkValue(prefix, i) || err != nil {
			t.Fatalf("GET %d: got %q, %v", i, got, err)
		}
	}
	var group sync.WaitGroup // one goroutine a call: rueidis pipelines them by itself
	for range 200 {
		group.Go(func() {
			if err := client.Do(ctx, client.B().Incr().Key(prefix+"counter").Build()).Error(); err != nil {
				t.Errorf("INCR: %v", err)
			}
		})
	}
	group.Wait()
	if n, err := client.Do(ctx, client.B().Get().Key(prefix+"counter").Build()).AsInt64(); n != 200 || err != nil {
		t.Errorf("counter: got %d, %v", n, err)
	}
}

// testTracking checks that a client that insists on client-side caching is told what is missing.
func testTracking(t *testing.T, to target) {
	for _, addrs := range [][]string{to.cluster[:1], to.plain[:1]} {
		client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs})
		if err == nil {
			client.Close()
			t.Errorf("%s: client-side caching was accepted", addrs)
			continue
		}
		if !strings.Contains(strings.ToLower(err.Error()), "tracking") {
			t.Errorf("%s: the error does not name what is missing: %v", addrs, err)
		}
	}
}
