// Package journey holds the story of one request: which node did what with it, and when.
//
// A [Journey] belongs to the router of the node that a client asked. What others do is told to it as a [Leg]: a core of
// the same node keeps one by its own clock, another node sends a [Report] of what it did, with its answer. Joined, all
// steps have one time, since the request was received.
//
// Two clocks are never compared. The steps of another node are placed by what this node saw itself: they lie between the
// moment at which it forwarded the request and the moment at which it had the answer, as far from the one as from the
// other, and [Step.Margin] says how far off that may be.
//
// A nil *Journey and a nil *Leg are the usual case, that nobody asked for a story: all methods do nothing then.
//
// # Concurrency
//
// A Journey is plain data of whoever runs the request. A Leg belongs to the core from when the request is submitted until
// it is completed, apart from where it is joined, which never changes.
package journey
