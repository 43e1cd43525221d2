// Package liveness judges which other nodes live, from the answers to probes and from what happens to connections. It
// speaks of nodes, not of shards: however many shards two nodes share, they exchange one probe an interval.
//
//	every ProbeInterval      Tick ── Probe{boot, sent} ──> peer
//	                                 peer ── ProbeAnswer{boot, sent} ──> Answer: it lives, in that boot
//	no answer for Patience   Tick    ── Verdict: suspect
//	a refused connection     Refused ── Verdict: suspect
//	an answer in a new boot  Answer  ── Verdict: suspect, and then not: its earlier life is over
//
// A verdict is suspicion, never proof: a firewall refuses connections to living nodes, too. Whoever acts on it must stay
// right when it is wrong. It starts elections early, which Raft allows at any time; it shortens nothing that anybody may
// rely on.
//
// A process that was paused itself has heard nobody meanwhile. It gives all others their patience anew before it
// suspects anyone.
//
// # Concurrency
//
// A Watch is plain data with one caller, like a core: events in, effects out, time handed in.
package liveness
