package command

import "slices"

// kataSpecs are the commands that Redis does not have.
func kataSpecs() []*Spec {
	return []*Spec{{
		Name: "kata", Arity: -2, Flags: SpecLoading | SpecStale, Group: GroupKata,
		Syntax: "subcommand [argument ...]", Since: sinceRedis, Complexity: "depends on the subcommand",
		Summary: "Holds commands that Redis does not have", Subcommands: kataSubcommands(),
	}}
}

const (
	// onceBehind is how many arguments stand before the command: KATA, ONCE and the request id.
	onceBehind = 3
	// onceFirstKey is where the first key stands, in all commands on keys.
	onceFirstKey = onceBehind + 1
	// journeyBehind is how many arguments stand before the command: KATA and JOURNEY.
	journeyBehind = 2
	// journeyFirstKey is where the first key stands, unless KATA ONCE is between.
	journeyFirstKey = journeyBehind + 1
	// withBehind is how many arguments stand before the command: KATA, WITH, the consistency and the token.
	withBehind = 4
	// withFirstKey is where the first key stands, unless KATA ONCE is between.
	withFirstKey = withBehind + 1
	// sinceRedis fills a field of Redis's documentation: no Redis has these commands.
	sinceRedis = "0.0.0"
)

func kataSubcommands() []*Spec {
	return slices.Concat(kataRecordSpecs(), []*Spec{
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
			Name: "journey", Arity: -4, Flags: SpecWrite | SpecDenyOOM, Group: GroupKata,
			FirstKey: journeyFirstKey, LastKey: journeyFirstKey, Step: 1, Behind: journeyBehind,
			Syntax: "command [argument ...]", Since: sinceRedis, Complexity: "that of the command",
			Summary: "Executes a command on keys, and tells what became of it, step by step",
		},
		{
			Name: "last", Arity: 2, Flags: connectionFlags, Group: GroupKata,
			Since: sinceRedis, Complexity: "O(N) for N shards",
			Summary: "Tells of each shard that took part in the last answer: index, node, level and age",
		},
		{
			Name: "once", Arity: -5, Flags: SpecWrite | SpecDenyOOM, Group: GroupKata,
			FirstKey: onceFirstKey, LastKey: onceFirstKey, Step: 1, Behind: onceBehind,
			Syntax: "request-id command [argument ...]", Since: sinceRedis, Complexity: "that of the command",
			Summary: "Executes a writing command once, however often it is sent with the same request id",
		},
		{
			Name: "with", Arity: -6, Flags: SpecWrite | SpecDenyOOM, Group: GroupKata,
			FirstKey: withFirstKey, LastKey: withFirstKey, Step: 1, Behind: withBehind,
			Syntax: "consistency token command [argument ...]", Since: sinceRedis, Complexity: "that of the command",
			Summary: "Executes one command as fresh as said and in the session of the token, if any, and tells how it was answered",
		},
		{
			Name: "help", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupKata,
			Since: sinceRedis, Complexity: "O(1)", Summary: "Lists the subcommands",
		},
	})
}

// kataRecordSpecs are the commands that know revisions.
func kataRecordSpecs() []*Spec {
	return []*Spec{
		{
			Name: "get", Arity: 3, Flags: SpecReadOnly | SpecFast, Group: GroupKata,
			FirstKey: 2, LastKey: 2, Step: 1, Syntax: "key", Since: sinceRedis, Complexity: "O(1)",
			Summary: "Returns the revision of a key's record, and its value", Parse: parseRecord,
		},
		{
			Name: "set", Arity: -4, Flags: SpecWrite | SpecDenyOOM, Group: GroupKata,
			FirstKey: 2, LastKey: 2, Step: 1, Syntax: "key value [IF revision | IF ABSENT | IF PRESENT]",
			Since: sinceRedis, Complexity: "O(1)", Parse: parseSetIf,
			Summary: "Sets the value of a key if the condition holds; returns whether it did, and the revision that the record has now",
		},
		{
			Name: "del", Arity: -3, Flags: SpecWrite | SpecFast, Group: GroupKata,
			FirstKey: 2, LastKey: 2, Step: 1, Syntax: "key [IF revision | IF PRESENT]", Since: sinceRedis, Complexity: "O(1)",
			Summary: "Deletes a key if the condition holds; returns whether it did, and the revision that the record has now",
			Parse:   parseDelIf,
		},
	}
}

// KATA ONCE, WITH and JOURNEY look their command up in the table, which would be a cycle in a plain initialiser.
func init() {
	once, _ := table["kata"].Subcommand([]byte("once"))
	once.Parse = parseOnce
	with, _ := table["kata"].Subcommand([]byte("with"))
	with.Parse = parseWith
	journey, _ := table["kata"].Subcommand([]byte("journey"))
	journey.Parse = parseJourney
}
