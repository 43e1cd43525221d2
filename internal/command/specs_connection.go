package command

const connectionFlags = SpecLoading | SpecStale | SpecFast

// connectionSpecs are the commands that concern one connection.
func connectionSpecs() []*Spec {
	return []*Spec{
		{
			Name: "ping", Arity: -1, Flags: connectionFlags, Group: GroupConnection,
			Syntax: "[message]", Since: "1.0.0", Complexity: "O(1)", Summary: "Answers PONG or the message",
		},
		{
			Name: "echo", Arity: 2, Flags: connectionFlags, Group: GroupConnection,
			Syntax: "message", Since: "1.0.0", Complexity: "O(1)", Summary: "Answers the message",
		},
		{
			Name: "hello", Arity: -1, Flags: connectionFlags | SpecNoAuth, Group: GroupConnection,
			Syntax: "[protover [AUTH username password] [SETNAME clientname]]", Since: "6.0.0", Complexity: "O(1)",
			Summary: "Chooses the protocol version and describes the server",
		},
		{
			Name: "auth", Arity: -2, Flags: connectionFlags | SpecNoAuth, Group: GroupConnection,
			Syntax: "[username] password", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Is refused: there are no users yet",
		},
		{
			Name: "select", Arity: 2, Flags: connectionFlags, Group: GroupConnection,
			Syntax: "index", Since: "1.0.0", Complexity: "O(1)", Summary: "Accepts database 0, the only one",
		},
		{
			Name: "quit", Arity: -1, Flags: connectionFlags | SpecNoAuth, Group: GroupConnection,
			Since: "1.0.0", Complexity: "O(1)", Summary: "Closes the connection after the replies before it",
		},
		{
			Name: "reset", Arity: 1, Flags: connectionFlags | SpecNoAuth, Group: GroupConnection,
			Since: "6.2.0", Complexity: "O(1)", Summary: "Gives the connection the state of a new one",
		},
		{
			Name: "client", Arity: -2, Flags: SpecLoading | SpecStale, Group: GroupConnection,
			Syntax: "subcommand [argument ...]", Since: "2.4.0", Complexity: "depends on the subcommand",
			Summary: "Holds commands about connections", Subcommands: clientSpecs(),
		},
	}
}

// clientSpecs are the subcommands of CLIENT.
func clientSpecs() []*Spec {
	return []*Spec{
		{
			Name: "id", Arity: 2, Flags: connectionFlags, Group: GroupConnection,
			Since: "5.0.0", Complexity: "O(1)", Summary: "Returns the connection's id",
		},
		{
			Name: "getname", Arity: 2, Flags: connectionFlags, Group: GroupConnection,
			Since: "2.6.9", Complexity: "O(1)", Summary: "Returns the connection's name",
		},
		{
			Name: "setname", Arity: 3, Flags: connectionFlags, Group: GroupConnection,
			Syntax: "connection-name", Since: "2.6.9", Complexity: "O(1)", Summary: "Names the connection",
		},
		{
			Name: "setinfo", Arity: 4, Flags: connectionFlags, Group: GroupConnection,
			Syntax: "LIB-NAME libname | LIB-VER libver", Since: "7.2.0", Complexity: "O(1)",
			Summary: "Says which client library is at the other end",
		},
		{
			Name: "info", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupConnection,
			Since: "6.2.0", Complexity: "O(1)", Summary: "Describes the connection",
		},
		{
			Name: "list", Arity: -2, Flags: SpecLoading | SpecStale | SpecAdmin, Group: GroupConnection,
			Since: "2.4.0", Complexity: "O(N) for N connections",
			Summary: "Describes the connections of this port",
		},
		{
			Name: "help", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupConnection,
			Since: "5.0.0", Complexity: "O(1)", Summary: "Lists the subcommands",
		},
		{
			Name: "tracking", Arity: -3, Group: GroupConnection,
			Refusal: "client-side caching needs it; disable the cache in the client",
		},
		{
			Name: "caching", Arity: 3, Group: GroupConnection,
			Refusal: "client-side caching needs it; disable the cache in the client",
		},
		{
			Name: "reply", Arity: 3, Group: GroupConnection,
			Refusal: "every command is answered; read and drop the answer instead",
		},
		{
			Name: "no-evict", Arity: 3, Group: GroupConnection,
			Refusal: "connections are never evicted to save memory; leave it out",
		},
		{
			Name: "no-touch", Arity: 3, Group: GroupConnection,
			Refusal: "keys have no access times; leave it out",
		},
		{
			Name: "kill", Arity: -3, Group: GroupConnection,
			Refusal: "close the connection at the client instead",
		},
	}
}
