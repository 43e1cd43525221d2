package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/client"
	"github.com/katakv/katakv/internal/config"
)

// defaultPlainAddr is the default of serve's --plain-listen.
const defaultPlainAddr = "127.0.0.1:7300"

// dataFlags are common to get, put, del and incr.
type dataFlags struct {
	addr    string
	timeout time.Duration
	asJSON  bool
	tracing
	reading
}

func (f *dataFlags) register(cmd *cobra.Command) {
	addr := defaultPlainAddr
	if env := os.Getenv(config.EnvName("addr")); env != "" {
		addr = env
	}
	cmd.Flags().StringVar(&f.addr, "addr", addr, "plain port of any node [$KATAKV_ADDR]")
	cmd.Flags().DurationVar(&f.timeout, "timeout", client.DefaultTimeout, "how long to wait for the answer")
	addJSONFlag(cmd, &f.asJSON)
	f.tracing.register(cmd)
}

// do sends one command.
func (f *dataFlags) do(ctx context.Context, args ...any) (client.Value, error) {
	conn, err := client.Dial(ctx, f.addr, client.Options{Timeout: f.timeout})
	if err != nil {
		return client.Value{}, fmt.Errorf("%w; name the plain port of a running node with --addr", err)
	}
	defer conn.Close()
	if err := f.choose(ctx, conn); err != nil {
		return client.Value{}, err
	}
	if f.wanted() {
		return f.follow(ctx, conn, f.asJSON, args)
	}
	return conn.Do(ctx, args...)
}

// write sends one command that writes, and says in its error what became of it.
func (f *dataFlags) write(ctx context.Context, args ...any) (client.Value, error) {
	value, err := f.do(ctx, args...)
	var answered *client.ReplyError
	if err == nil || errors.As(err, &answered) || errors.Is(err, errNotShown) { // the node's own error says it
		return value, err
	}
	if client.OutcomeOf(err) == katakv.OutcomeUnknown {
		return value, fmt.Errorf("%w (the write may or may not have been applied)", err)
	}
	return value, fmt.Errorf("%w (the write was not applied)", err)
}

// jsonBytes adds bytes to a JSON object: as text under name where they are text, else as base64 under
// name + "Base64".
func jsonBytes(object map[string]any, name string, value []byte) {
	if utf8.Valid(value) {
		object[name] = string(value)
		return
	}
	object[name+"Base64"] = value // encoding/json writes []byte as base64
}
