package placement

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/katakv/katakv/internal/invariant"
)

// Encode returns the map as JSON. The same map gives the same bytes on every node.
func (m *Map) Encode() []byte {
	data, err := json.Marshal(m)
	invariant.NoError(err, "encode cluster map")
	return data
}

// Decode parses and validates an encoded map. Unknown fields are refused: a node that dropped one would hold
// another map than its peers at the same epoch. The result does not share memory with data.
func Decode(data []byte) (*Map, error) {
	if len(data) > MaxMapBytes {
		return nil, fmt.Errorf("decode cluster map: %d bytes exceed the limit of %d", len(data), MaxMapBytes)
	}
	m := &Map{}
	if err := decodeStrict(data, m); err != nil {
		return nil, fmt.Errorf("decode cluster map: %w", err)
	}
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("decode cluster map: %w", err)
	}
	return m, nil
}

// EncodeChange returns the change as JSON. The same change gives the same bytes.
func EncodeChange(c Change) []byte {
	data, err := json.Marshal(c)
	invariant.NoError(err, "encode map change")
	return data
}

// DecodeChange parses an encoded change and checks that it holds exactly one step. Whether the step fits a
// map is for [Map.Apply] to say.
func DecodeChange(data []byte) (Change, error) {
	if len(data) > MaxChangeBytes {
		return Change{}, fmt.Errorf("decode map change: %d bytes exceed the limit of %d", len(data), MaxChangeBytes)
	}
	var c Change
	if err := decodeStrict(data, &c); err != nil {
		return Change{}, fmt.Errorf("decode map change: %w", err)
	}
	if c.UpdateNode == nil {
		return Change{}, errors.New("decode map change: it holds no step")
	}
	return c, nil
}

// decodeStrict parses one JSON value with known fields only and nothing behind it.
func decodeStrict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}
