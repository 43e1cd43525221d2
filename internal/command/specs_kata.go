package command

// kataSpecs are the commands that Redis does not have.
func kataSpecs() []*Spec {
	return []*Spec{{
		Name: "kata", Arity: -2, Flags: SpecLoading | SpecStale, Group: GroupKata,
		Syntax: "subcommand [argument ...]", Since: sinceRedis, Complexity: "depends on the subcommand",
		Summary: "Holds commands that Redis does not have",
		Subcommands: []*Spec{
			{
				Name: "help", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupKata,
				Since: sinceRedis, Complexity: "O(1)", Summary: "Lists the subcommands",
			},
			{
				Name: "once", Arity: -5, Flags: SpecWrite | SpecDenyOOM, Group: GroupKata,
				FirstKey: onceFirstKey, LastKey: onceFirstKey, Step: 1, Behind: onceBehind,
				Syntax: "request-id command [argument ...]", Since: sinceRedis, Complexity: "that of the command",
				Summary: "Executes a writing command once, however often it is sent with the same request id",
			},
		},
	}}
}

const (
	// onceBehind is how many arguments stand before the command: KATA, ONCE and the request id.
	onceBehind = 3
	// onceFirstKey is where the first key stands, in all commands on keys.
	onceFirstKey = onceBehind + 1
	// sinceRedis fills a field of Redis's documentation: no Redis has these commands.
	sinceRedis = "0.0.0"
)

// KATA ONCE looks its command up in the table, which would be a cycle in a plain initialiser.
func init() {
	once, _ := table["kata"].Subcommand([]byte("once"))
	once.Parse = parseOnce
}
