package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/config"
	"github.com/katakv/katakv/internal/httpapi"
	"github.com/katakv/katakv/internal/node"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/server"
)

// gcPercent lets the heap grow to five times what lives before it is collected; the memory limit holds before
// that on a node with much data. Collecting half as often is worth a tenth of the processor time of a write.
const gcPercent = 400

func newServeCommand() *cobra.Command {
	values := config.NewValues()
	var file string
	var stopOnEOF bool
	cmd := &cobra.Command{
		Use:   "serve --data DIR",
		Short: "Run one node",
		Long: `Run one node of a cluster. With an empty data directory it waits until 'katakv cluster create' makes it
part of a cluster; after that it takes part as soon as it is started.

Every setting is a flag, a variable (--peer-listen is KATAKV_PEER_LISTEN) or a line of the YAML file named by
--config ("peer-listen: 127.0.0.1:7100"). A flag wins over the environment, that over the file.

SIGTERM or Ctrl-C hands leadership to other nodes, answers what runs, and stops; a second one stops at once.`,
		Example: `  katakv serve --data /var/lib/katakv
  katakv serve --data n2 --peer-listen 127.0.0.1:7101 --cluster-listen 127.0.0.1:7201 \
    --plain-listen 127.0.0.1:7301 --http-listen 127.0.0.1:7401`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				file = os.Getenv(config.EnvName("config"))
			}
			cfg, err := values.Load(file, os.LookupEnv)
			if err != nil {
				return &usageError{err}
			}
			ctx := cmd.Context()
			if stopOnEOF {
				ctx = untilEOF(ctx, cmd.InOrStdin())
			}
			return serve(ctx, &cfg, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	for _, v := range values.All() {
		flag := cmd.Flags().VarPF(v, v.Name(), "", v.Usage())
		if v.IsBoolFlag() {
			flag.NoOptDefVal = "true"
		}
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&file, "config", "", "YAML file with settings [$KATAKV_CONFIG]")
	cmd.Flags().BoolVar(&stopOnEOF, "stop-on-stdin-eof", false, "stop when standard input ends")
	_ = cmd.Flags().MarkHidden("stop-on-stdin-eof") // it exists
	return cmd
}

// untilEOF returns a context that also ends when r does: a parent that dies closes its end of a pipe.
func untilEOF(ctx context.Context, r io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, r)
	}()
	return ctx
}

// serve runs a node until ctx ends or the node fails.
func serve(ctx context.Context, cfg *config.Config, stdout, stderr io.Writer) error {
	logger := newLogger(cfg, stderr)
	memory := cfg.Memory()
	debug.SetMemoryLimit(memory.GoLimitBytes)
	debug.SetGCPercent(gcPercent)
	doors, err := listen(cfg)
	if err != nil {
		return err
	}
	n, err := node.Open(node.Config{
		Dir: cfg.Data, Cores: cfg.Cores, Listener: doors.peer, Advertised: doors.advertised, Zone: cfg.Zone,
		TickInterval: cfg.TickInterval, RequestTimeout: cfg.RequestTimeout,
		InflightBytes: memory.InflightBytes, CacheBytes: memory.CacheBytes, MemTableBytes: memory.MemTableBytes,
		WindowBytes: memory.WindowBytes, Logger: logger, Version: versionString(),
	})
	if err != nil {
		doors.closeClientDoors()
		return err
	}
	b := &backend{Node: n, config: cfg, advertised: doors.advertised}
	var open atomic.Int64 // both Redis ports share the process's descriptors
	redis := func(l net.Listener, mode router.Mode) *server.Server {
		return server.New(server.Config{
			Listener: l, Mode: mode, Backend: redisBackend{n}, Logger: logger, Version: versionString(), MaxInputBytes: memory.InputBytes,
			Open: &open,
		})
	}
	clusterDoor, plainDoor := redis(doors.cluster, router.Redirect), redis(doors.plain, router.Forward)
	kv := httpapi.New(httpapi.Config{Backend: n, MaxMemoryBytes: memory.InputBytes})
	httpDoor := admin.New(admin.Config{Listener: doors.http, Backend: b, KV: kv, Logger: logger})

	n.Start()
	clusterDoor.Start()
	plainDoor.Start()
	httpDoor.Start()
	announce(stdout, n, doors.advertised)

	select {
	case <-ctx.Done():
		logger.Info("stopping")
	case err = <-n.Failed():
		err = fmt.Errorf("the node stopped: %w", err)
		n.GiveUp()
	}
	// Clients of this node are answered and sent away; those of others notice nothing, as the node hands its
	// leadership over. Health is told until the end.
	var group sync.WaitGroup
	group.Go(clusterDoor.Stop)
	group.Go(plainDoor.Stop)
	group.Go(kv.Stop)
	group.Wait()
	n.Stop()
	httpDoor.Stop()
	logger.Info("stopped")
	return err
}

// announce says where the node can be reached and what it waits for.
func announce(w io.Writer, n *node.Node, a placement.Addresses) {
	where := fmt.Sprintf("peer %s, cluster %s, plain %s, http %s", a.Peer, a.Cluster, a.Plain, a.HTTP)
	if t := n.Topology(); t.Map != nil {
		_, _ = fmt.Fprintf(w, "katakv: node %v of cluster %v listens: %s; waiting for leaders\n", t.Self, t.Map.Cluster, where)
		return
	}
	_, _ = fmt.Fprintf(w, "katakv: listens: %s; waiting to be made part of a cluster: katakv cluster create --peers %s[,...]\n", where, a.Peer)
}

func newLogger(cfg *config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// openDoors are the open listeners and how others reach them.
type openDoors struct {
	peer, cluster, plain, http net.Listener
	advertised                 placement.Addresses
}

// listen opens every door, or none.
func listen(cfg *config.Config) (*openDoors, error) {
	d := &openDoors{}
	var opened []net.Listener
	for _, door := range []struct {
		name, listen, advertise string
		listener                *net.Listener
		advertised              *string
	}{
		{"peer", cfg.Listen.Peer, cfg.Advertise.Peer, &d.peer, &d.advertised.Peer},
		{"cluster", cfg.Listen.Cluster, cfg.Advertise.Cluster, &d.cluster, &d.advertised.Cluster},
		{"plain", cfg.Listen.Plain, cfg.Advertise.Plain, &d.plain, &d.advertised.Plain},
		{"http", cfg.Listen.HTTP, cfg.Advertise.HTTP, &d.http, &d.advertised.HTTP},
	} {
		l, err := net.Listen("tcp", door.listen)
		if err != nil {
			for _, o := range opened {
				err = errors.Join(err, o.Close())
			}
			return nil, fmt.Errorf("open the %s port: %w: stop what uses it, or choose another --%s-listen", door.name, err, door.name)
		}
		opened = append(opened, l)
		*door.listener, *door.advertised = l, door.advertise
		if door.advertise == "" {
			*door.advertised = advertisable(door.listen, l)
		}
	}
	return d, nil
}

// advertisable keeps the host as it was written and takes the port that the kernel chose.
func advertisable(address string, l net.Listener) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return l.Addr().String()
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // the kernel's own
	return net.JoinHostPort(host, port)
}

// closeClientDoors closes what the node does not own.
func (d *openDoors) closeClientDoors() {
	for _, l := range []net.Listener{d.cluster, d.plain, d.http} {
		_ = l.Close() // nothing was accepted
	}
}
