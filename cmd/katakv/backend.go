package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/katakv/katakv/internal/admin"
	"github.com/katakv/katakv/internal/config"
	"github.com/katakv/katakv/internal/node"
	"github.com/katakv/katakv/internal/placement"
	"github.com/katakv/katakv/internal/router"
	"github.com/katakv/katakv/internal/server"
)

// redisBackend is a node as the Redis doors see it.
type redisBackend struct{ node *node.Node }

func (b redisBackend) Execute(ctx context.Context, mode router.Mode, calls []router.Call) {
	b.node.Execute(ctx, mode, calls)
}

func (b redisBackend) Run(ctx context.Context, batch router.Batch) { b.node.Run(ctx, batch) }

func (b redisBackend) Topology() *router.Topology { return b.node.Topology() }

func (b redisBackend) Info() []server.InfoSection {
	sections := b.node.Info()
	out := make([]server.InfoSection, len(sections))
	for i, s := range sections {
		out[i].Name = s.Name
		for _, f := range s.Fields {
			out[i].Fields = append(out[i].Fields, server.InfoField{Name: f.Key, Value: f.Value})
		}
	}
	return out
}

// backend is a node as the HTTP door sees it.
type backend struct {
	*node.Node
	config     *config.Config
	advertised placement.Addresses
}

// NodeInfo implements admin.Backend.
func (b *backend) NodeInfo() admin.NodeInfo {
	t := b.Topology()
	info := admin.NodeInfo{
		ID: t.Self, Boot: b.Node.Metrics().Boot, Version: versionString(), Zone: b.config.Zone, Addresses: b.advertised,
		Data: dataInfo(b.config.Data),
	}
	if t.Map != nil {
		info.Cluster = t.Map.Cluster.String()
	}
	return info
}

// dataInfo measures a data directory; what cannot be read counts as nothing.
func dataInfo(dir string) admin.DataInfo {
	info := admin.DataInfo{Path: dir}
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // files come and go while they are counted
		}
		if i, err := entry.Info(); err == nil {
			info.Bytes += i.Size()
		}
		return nil
	})
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) == nil {
		info.FreeBytes, info.TotalBytes = s.Bavail*uint64(s.Bsize), s.Blocks*uint64(s.Bsize)
	}
	return info
}

// Checksums implements admin.Backend.
func (b *backend) Checksums() ([]admin.Checksum, error) {
	sums, err := b.Node.Checksums()
	if err != nil {
		return nil, err
	}
	rows := make([]admin.Checksum, len(sums))
	for i, s := range sums {
		rows[i] = admin.Checksum{Shard: s.Shard, Replica: s.Replica, Applied: s.Applied, Checksum: fmt.Sprintf("%016x", s.Sum)}
	}
	return rows, nil
}

// Metrics implements admin.Backend.
func (b *backend) Metrics() []admin.Metric {
	m := b.Node.Metrics()
	readOnly := 0.0
	if m.ReadOnly {
		readOnly = 1
	}
	rows := []admin.Metric{
		{Name: "katakv_writes_refused", Help: "Whether writes are refused because the disk is nearly full.", Value: readOnly},
		{Name: "katakv_state_disk_bytes", Help: "Bytes of the state engine's files.", Value: float64(m.Engine.DiskBytes)},
		{Name: "katakv_state_memtable_bytes", Help: "Bytes of the state engine's memtables.", Value: float64(m.Engine.MemTableBytes)},
		{Name: "katakv_state_cache_bytes", Help: "Bytes of the state engine's block cache.", Value: float64(m.Engine.CacheBytes)},
		{Name: "katakv_state_flushes_total", Help: "Memtables that the state engine flushed.", Counter: true, Value: float64(m.Engine.Flushes)},
		{Name: "katakv_state_compactions_total", Help: "Compactions of the state engine.", Counter: true, Value: float64(m.Engine.Compactions)},
		{Name: "katakv_state_write_stalls_total", Help: "Times the state engine held writes back.", Counter: true, Value: float64(m.Engine.WriteStalls)},
	}
	for i := range m.Logs {
		core, l := []string{"core", strconv.Itoa(i)}, &m.Logs[i]
		rows = append(rows,
			admin.Metric{Name: "katakv_log_disk_bytes", Help: "Bytes of the Raft log's segments.", Labels: core, Value: float64(l.DiskBytes)},
			admin.Metric{Name: "katakv_log_live_bytes", Help: "Bytes of the Raft log that are still needed.", Labels: core, Value: float64(l.LiveBytes)},
			admin.Metric{Name: "katakv_log_records_total", Help: "Updates written to the Raft log.", Counter: true, Labels: core, Value: float64(l.Records)},
			admin.Metric{Name: "katakv_log_batches_total", Help: "Batches written to the Raft log.", Counter: true, Labels: core, Value: float64(l.Batches)},
			admin.Metric{Name: "katakv_log_syncs_total", Help: "Syncs of the Raft log.", Counter: true, Labels: core, Value: float64(l.Syncs)},
			admin.Metric{Name: "katakv_log_written_bytes_total", Help: "Bytes written to the Raft log.", Counter: true, Labels: core, Value: float64(l.WrittenBytes)},
			admin.Metric{Name: "katakv_log_moved_bytes_total", Help: "Bytes that the Raft log moved to free segments.", Counter: true, Labels: core, Value: float64(l.MovedBytes)},
		)
	}
	return rows
}
