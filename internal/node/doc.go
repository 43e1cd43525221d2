// Package node runs cores and the router: it owns the goroutines, the log writers and the clock around the
// pure state machines, and carries their effects out.
//
// A node with an empty data directory waits: it answers administrators and nobody else. A bootstrap record
// makes it a member (see bootstrap.go); from then on it runs one loop per core.
//
//	clients ── Execute ──> router ──> inbox ──> core loop ──> log writer ──> disk
//	                         ^                   │  │  ^            │
//	                         └── completions ────┘  │  └─ durable ──┘
//	peers ─── transport ────────────────────────────┴──> transport ──> peers
//
// # Concurrency
//
// Every exported method may be called from any goroutine.
//
//	goroutine        owner     receives                      ends
//	core loop i      coreLoop  its inbox                     Stop, or a failure of the node
//	log writer i     logWriter its queue                     Stop, or a failed write
//	clock            Node      a ticker                      Stop
//	flusher          flusher   flush requests and a ticker   Stop
//	snapshot sender  senders   acknowledgements              end of stream, Stop
//	snapshot stager  receiver  chunks                        end of stream, Stop
//	transport's own  transport                               Stop
//
// Locks: routerMu (the router), the inboxes' and queues' own. None is held while another is taken, nor while
// anything is sent or waited for.
package node
