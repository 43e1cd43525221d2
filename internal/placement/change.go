package placement

import (
	"errors"
	"fmt"
	"slices"

	"github.com/katakv/katakv"
)

// ErrNoChange says that a change would leave the map as it is: nothing to record, and no new epoch.
var ErrNoChange = errors.New("the map already says so")

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

// Apply returns the map after the change, with the next epoch. It reads m and shares what did not change.
// With an error there is no new map: [ErrNoChange], a node that is not known, or a result that would not
// validate.
func (m *Map) Apply(c Change) (*Map, error) {
	if c.UpdateNode == nil {
		return nil, errors.New("apply map change: it holds no step")
	}
	next, err := m.updateNode(c.UpdateNode)
	if err != nil {
		return nil, fmt.Errorf("update node %v: %w", c.UpdateNode.ID, err)
	}
	next.Epoch++
	return next, nil
}

func (m *Map) updateNode(u *UpdateNode) (*Map, error) {
	old := m.Node(u.ID)
	if old == nil {
		return nil, errors.New("it is not in the map")
	}
	updated := *old
	updated.Zone, updated.Addresses = u.Zone, u.Addresses
	if updated == *old {
		return nil, ErrNoChange
	}
	if err := updated.validate(); err != nil {
		return nil, err
	}
	next := *m
	next.Nodes = slices.Clone(m.Nodes)
	*next.Node(u.ID) = updated
	return &next, nil
}
