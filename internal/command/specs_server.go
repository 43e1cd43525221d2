package command

// serverSpecs are the commands that describe the node and its commands.
func serverSpecs() []*Spec {
	return []*Spec{
		{
			Name: "command", Arity: -1, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Since: "2.8.13", Complexity: "O(N) for N commands", Summary: "Describes every command",
			Subcommands: commandSpecs(),
		},
		{
			Name: "info", Arity: -1, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Syntax: "[section [section ...]]", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Describes the node in sections of name:value lines",
		},
		{
			Name: "config", Arity: -2, Flags: SpecAdmin | SpecLoading | SpecStale, Group: GroupServer,
			Syntax: "subcommand [argument ...]", Since: "2.0.0", Complexity: "depends on the subcommand",
			Summary: "Holds commands about parameters", Subcommands: configSpecs(),
		},
		{
			Name: "time", Arity: 1, Flags: SpecLoading | SpecStale | SpecFast, Group: GroupServer,
			Since: "2.6.0", Complexity: "O(1)", Summary: "Returns the node's clock as seconds and microseconds",
		},
		{
			Name: "dbsize", Arity: 1, Flags: SpecReadOnly, Group: GroupServer,
			Since: "1.0.0", Complexity: "O(N) for N keys: they are counted, not remembered",
			Summary: "Counts keys: of the slots this node leads on the cluster port, of all on the plain port",
		},
	}
}

// commandSpecs are the subcommands of COMMAND.
func commandSpecs() []*Spec {
	return []*Spec{
		{
			Name: "count", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Since: "2.8.13", Complexity: "O(1)", Summary: "Returns the number of commands",
		},
		{
			Name: "docs", Arity: -2, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Syntax: "[command-name [command-name ...]]", Since: "7.0.0", Complexity: "O(N) for N commands",
			Summary: "Returns the documentation of commands",
		},
		{
			Name: "info", Arity: -2, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Syntax: "[command-name [command-name ...]]", Since: "2.8.13", Complexity: "O(N) for N commands",
			Summary: "Returns arity, flags and keys of commands",
		},
		{
			Name: "list", Arity: -2, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Since: "7.0.0", Complexity: "O(N) for N commands", Summary: "Returns the names of the commands",
		},
		{
			Name: "getkeys", Arity: -3, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Syntax: "command [argument ...]", Since: "2.8.13", Complexity: "O(N) for N arguments",
			Summary: "Returns the keys of a whole command",
		},
		{
			Name: "help", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Since: "5.0.0", Complexity: "O(1)", Summary: "Lists the subcommands",
		},
	}
}

// configSpecs are the subcommands of CONFIG.
func configSpecs() []*Spec {
	const refusal = "parameters are set by flag, environment or file when the node starts; see `katakv serve --help`"
	return []*Spec{
		{
			Name: "get", Arity: -3, Flags: SpecAdmin | SpecLoading | SpecStale, Group: GroupServer,
			Syntax: "parameter [parameter ...]", Since: "2.0.0", Complexity: "O(N) for N parameters",
			Summary: "Returns the Redis parameters that clients look at, by name or pattern",
		},
		{
			Name: "help", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupServer,
			Since: "5.0.0", Complexity: "O(1)", Summary: "Lists the subcommands",
		},
		{Name: "set", Arity: -4, Group: GroupServer, Refusal: refusal},
		{Name: "rewrite", Arity: 2, Group: GroupServer, Refusal: refusal},
		{
			Name: "resetstat", Arity: 2, Group: GroupServer,
			Refusal: "counters only grow; take differences instead",
		},
	}
}
