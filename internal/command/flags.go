package command

// SpecFlags say what a command does, in Redis's words.
type SpecFlags uint16

// The flags.
const (
	// SpecWrite may change a key.
	SpecWrite SpecFlags = 1 << iota
	// SpecReadOnly reads keys and changes none.
	SpecReadOnly
	// SpecDenyOOM may need more space.
	SpecDenyOOM
	// SpecAdmin concerns the operator.
	SpecAdmin
	// SpecLoading answers although the node is not part of a cluster yet.
	SpecLoading
	// SpecStale answers although the cluster is not available.
	SpecStale
	// SpecFast takes constant or logarithmic time.
	SpecFast
	// SpecNoAuth answers before authentication.
	SpecNoAuth
	specFlagEnd
)

var specFlagNames = []string{
	"write", "readonly", "denyoom", "admin", "loading", "stale", "fast", "no_auth",
}

// Has reports whether all of want are set.
func (f SpecFlags) Has(want SpecFlags) bool { return f&want == want }

// Names returns the set flags in Redis's words, in a fixed order.
func (f SpecFlags) Names() []string {
	names := make([]string, 0, len(specFlagNames))
	for i, name := range specFlagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Group is the chapter that a command belongs to, in Redis's words.
type Group string

// The groups.
const (
	GroupString     Group = "string"
	GroupKeyspace   Group = "generic"
	GroupConnection Group = "connection"
	GroupServer     Group = "server"
	GroupCluster    Group = "cluster"
	GroupKata       Group = "kata"
)

// Categories returns the command's ACL categories, such as "@read", in a fixed order: they follow from the
// flags and the group, as in Redis.
func (s *Spec) Categories() []string {
	var names []string
	add := func(ok bool, name string) {
		if ok {
			names = append(names, name)
		}
	}
	add(s.Group == GroupKeyspace, "@keyspace")
	add(s.Flags.Has(SpecReadOnly), "@read")
	add(s.Flags.Has(SpecWrite), "@write")
	add(s.Group == GroupString, "@string")
	add(s.Flags.Has(SpecAdmin), "@admin")
	add(s.Flags.Has(SpecAdmin), "@dangerous")
	add(s.Flags.Has(SpecFast), "@fast")
	add(!s.Flags.Has(SpecFast), "@slow")
	add(s.Group == GroupConnection, "@connection")
	return names
}
