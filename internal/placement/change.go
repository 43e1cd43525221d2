package placement

import "github.com/katakv/katakv"

// Change is one step from a map to the next. Exactly one field is set.
type Change struct {
	// UpdateNode sets the addresses and zone of a node that is in the map.
	UpdateNode *UpdateNode `json:"updateNode,omitempty"`
}

// UpdateNode is sent by a node that starts with other addresses than the map knows.
type UpdateNode struct {
	ID        katakv.NodeID `json:"id"`
	Zone      string        `json:"zone,omitempty"`
	Addresses Addresses     `json:"addresses"`
}
