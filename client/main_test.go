package client_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/katakv/katakv/internal/localcluster"
	"github.com/katakv/katakv/internal/require"
)

// executable is the katakv binary, built for the examples.
var executable string

// addresses are the cluster ports of a cluster of three nodes, which the first example starts.
var addresses []string

var real struct {
	start sync.Once
	dir   string
	*localcluster.Cluster
}

func TestMain(m *testing.M) {
	code := require.Main(m, func(path string) { executable = path })
	if real.Cluster != nil {
		real.Stop()
	}
	_ = os.RemoveAll(real.dir)
	os.Exit(code)
}

// startCluster starts the cluster of the examples, once.
func startCluster() {
	real.start.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var err error
		if real.dir, err = os.MkdirTemp("", "katakv-client-"); err != nil {
			panic(err)
		}
		if real.Cluster, err = localcluster.Start(ctx, localcluster.Options{Binary: executable, Dir: real.dir}); err != nil {
			panic(err)
		}
		if err := real.WaitReady(ctx); err != nil {
			panic(err)
		}
		for _, n := range real.Nodes {
			addresses = append(addresses, n.Cluster)
		}
	})
}
