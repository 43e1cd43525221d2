package admin

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/katakv/katakv/internal/core"
)

// maxScrapes bounds the scrapes at a time: each asks every core.
const maxScrapes = 4

// newMetricsHandler serves a registry of its own, so that two servers in one process do not meet.
func newMetricsHandler(backend Backend, requests *requests) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{backend: backend},
		requests.count, requests.seconds,
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		ErrorHandling:       promhttp.HTTPErrorOnError,
	})
}

// collector reads the backend when it is scraped. It describes nothing in advance: what the node counts is the
// node's to say.
type collector struct{ backend Backend }

// Describe sends nothing, which makes the collector unchecked.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the present values.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	info := c.backend.NodeInfo()
	send := func(m Metric) {
		kind := prometheus.GaugeValue
		if m.Counter {
			kind = prometheus.CounterValue
		}
		names, values := splitLabels(m.Labels)
		desc := prometheus.NewDesc(m.Name, m.Help, names, nil)
		metric, err := prometheus.NewConstMetric(desc, kind, m.Value, values...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(desc, err)
		}
		out <- metric
	}
	send(Metric{
		Name: "katakv_node_info", Help: "Always 1; who the node is.", Value: 1,
		Labels: []string{"node", strconv.FormatUint(uint64(info.ID), 10), "cluster", info.Cluster, "version", info.Version},
	})
	send(Metric{Name: "katakv_data_bytes", Help: "Bytes of files in the data directory.", Value: float64(info.Data.Bytes)})
	send(Metric{Name: "katakv_data_free_bytes", Help: "Free bytes of the data directory's file system.", Value: float64(info.Data.FreeBytes)})
	ready := 0.0
	if c.backend.Ready() == nil {
		ready = 1
	}
	send(Metric{Name: "katakv_ready", Help: "Whether every shard has a known leader.", Value: ready})
	if t := c.backend.Topology(); t.Map != nil {
		send(Metric{Name: "katakv_map_epoch", Help: "Version of the cluster map.", Value: float64(t.Map.Epoch)})
	}
	sendReplicas(send, c.backend.Replicas())
	for _, m := range c.backend.Metrics() {
		send(m)
	}
}

func sendReplicas(send func(Metric), rows []core.Status) {
	leads, leaderless := 0, 0
	for _, r := range rows {
		if r.Self {
			leads++
		}
		if r.Leader == 0 {
			leaderless++
		}
		shard := []string{"shard", strconv.FormatUint(uint64(r.Shard), 10)}
		send(Metric{Name: "katakv_replica_applied_index", Help: "Applied index of the node's replica.", Labels: shard, Value: float64(r.Applied)})
		send(Metric{Name: "katakv_replica_term", Help: "Raft term of the node's replica.", Labels: shard, Value: float64(r.Term)})
	}
	send(Metric{Name: "katakv_replicas", Help: "Replicas on this node.", Value: float64(len(rows))})
	send(Metric{Name: "katakv_shards_led", Help: "Shards that this node leads.", Value: float64(leads)})
	send(Metric{Name: "katakv_replicas_without_leader", Help: "Replicas on this node that know no leader.", Value: float64(leaderless)})
}

func splitLabels(labels []string) (names, values []string) {
	for i := 0; i+1 < len(labels); i += 2 {
		names = append(names, labels[i])
		values = append(values, labels[i+1])
	}
	return names, values
}
