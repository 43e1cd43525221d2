package command

// kataSpecs are the commands that Redis does not have.
func kataSpecs() []*Spec {
	return []*Spec{{
		Name: "kata", Arity: -2, Flags: SpecLoading | SpecStale, Group: GroupKata,
		Syntax: "subcommand [argument ...]", Since: sinceRedis, Complexity: "depends on the subcommand",
		Summary: "Holds commands that Redis does not have", Subcommands: kataSubcommands(),
	}}
}

// sinceRedis fills a field of Redis's documentation: no Redis has these commands.
const sinceRedis = "0.0.0"

func kataSubcommands() []*Spec {
	return []*Spec{
		{
			Name: "consistency", Arity: -2, Flags: connectionFlags, Group: GroupKata,
			Syntax: "[STRONG | SESSION | BOUNDED age | EVENTUAL | DEFAULT] [REPLICA]", Since: sinceRedis, Complexity: "O(1)",
			Summary: "Chooses how fresh the connection's reads are, or returns what was chosen",
		},
		{
			Name: "session", Arity: -2, Flags: SpecStale | SpecFast, Group: GroupKata,
			Syntax: "[token]", Since: sinceRedis, Complexity: "O(N) for N shards used",
			Summary: "Returns what the connection has written and seen as a token, or adds that of a token to it",
		},
		{
			Name: "last", Arity: 2, Flags: connectionFlags, Group: GroupKata,
			Since: sinceRedis, Complexity: "O(N) for N shards",
			Summary: "Tells of each shard that took part in the last answer: index, node, level and age",
		},
		{
			Name: "help", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupKata,
			Since: sinceRedis, Complexity: "O(1)", Summary: "Lists the subcommands",
		},
	}
}
