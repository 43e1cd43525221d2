package command

// clusterSpecs are the commands that describe the cluster to its clients.
func clusterSpecs() []*Spec {
	return []*Spec{
		{
			Name: "cluster", Arity: -2, Flags: SpecLoading | SpecStale, Group: GroupCluster,
			Syntax: "subcommand [argument ...]", Since: "3.0.0", Complexity: "depends on the subcommand",
			Summary: "Holds commands about the cluster", Subcommands: clusterSubcommands(),
		},
		{
			Name: "readonly", Arity: 1, Flags: connectionFlags, Group: GroupCluster,
			Since: "3.0.0", Complexity: "O(1)", Summary: "Lets the connection read slots that the node only follows, as fresh as at the leader unless KATA CONSISTENCY says otherwise",
		},
		{
			Name: "readwrite", Arity: 1, Flags: connectionFlags, Group: GroupCluster,
			Since: "3.0.0", Complexity: "O(1)", Summary: "Undoes READONLY",
		},
		{
			Name: "asking", Arity: 1, Flags: connectionFlags, Group: GroupCluster,
			Since: "3.0.0", Complexity: "O(1)", Summary: "Is accepted; no node ever answers ASK",
		},
	}
}

// clusterSubcommands are the subcommands of CLUSTER, and those of Redis that operators may try.
func clusterSubcommands() []*Spec {
	specs := []*Spec{
		{
			Name: "info", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupCluster,
			Since: "3.0.0", Complexity: "O(1)", Summary: "Returns the state of the cluster",
		},
		{
			Name: "myid", Arity: 2, Flags: SpecStale, Group: GroupCluster,
			Since: "3.0.0", Complexity: "O(1)", Summary: "Returns this node's id in Redis's form",
		},
		{
			Name: "nodes", Arity: 2, Flags: SpecStale, Group: GroupCluster,
			Since: "3.0.0", Complexity: "O(N) for N nodes", Summary: "Returns one line for each node",
		},
		{
			Name: "slots", Arity: 2, Flags: SpecStale, Group: GroupCluster,
			Since: "3.0.0", Complexity: "O(N) for N shards", Summary: "Returns the nodes that serve each range of slots",
		},
		{
			Name: "shards", Arity: 2, Flags: SpecStale, Group: GroupCluster,
			Since: "7.0.0", Complexity: "O(N) for N shards", Summary: "Returns the slots and nodes of each shard",
		},
		{
			Name: "keyslot", Arity: 3, Flags: SpecLoading | SpecStale, Group: GroupCluster,
			Syntax: "key", Since: "3.0.0", Complexity: "O(N) for a key of N bytes", Summary: "Returns the slot of a key",
		},
		{
			Name: "countkeysinslot", Arity: 3, Flags: SpecReadOnly, Group: GroupCluster,
			Syntax: "slot", Since: "3.0.0", Complexity: "O(N) for N keys in the slot",
			Summary: "Counts the keys of a slot, wherever it is led", Parse: parseCountKeysInSlot,
		},
		{
			Name: "help", Arity: 2, Flags: SpecLoading | SpecStale, Group: GroupCluster,
			Since: "5.0.0", Complexity: "O(1)", Summary: "Lists the subcommands",
		},
	}
	for _, name := range []string{
		"addslots", "addslotsrange", "bumpepoch", "delslots", "delslotsrange", "failover", "flushslots", "forget",
		"meet", "replicate", "reset", "saveconfig", "set-config-epoch", "setslot",
	} {
		specs = append(specs, &Spec{
			Name: name, Arity: -2, Group: GroupCluster, Refusal: "the cluster manages itself; use `katakv cluster`",
		})
	}
	for _, name := range []string{"getkeysinslot", "links", "replicas", "slaves", "count-failure-reports"} {
		specs = append(specs, &Spec{
			Name: name, Arity: -2, Group: GroupCluster, Refusal: "use CLUSTER SHARDS or `katakv cluster status`",
		})
	}
	return specs
}
