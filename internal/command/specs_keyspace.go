package command

// keyspaceSpecs are the commands on keys, whatever their values.
func keyspaceSpecs() []*Spec {
	return []*Spec{
		{
			Name: "del", Arity: -2, Flags: SpecWrite, Group: GroupKeyspace,
			FirstKey: 1, LastKey: -1, Step: 1, Syntax: "key [key ...]", Since: "1.0.0", Complexity: "O(N) for N keys",
			Summary: "Deletes keys and returns how many were there", Parse: parseKeys(KindDel),
		},
		{
			Name: "unlink", Arity: -2, Flags: SpecWrite | SpecFast, Group: GroupKeyspace,
			FirstKey: 1, LastKey: -1, Step: 1, Syntax: "key [key ...]", Since: "4.0.0", Complexity: "O(N) for N keys",
			Summary: "Deletes keys, as DEL does", Parse: parseKeys(KindDel),
		},
		{
			Name: "exists", Arity: -2, Flags: SpecReadOnly | SpecFast, Group: GroupKeyspace,
			FirstKey: 1, LastKey: -1, Step: 1, Syntax: "key [key ...]", Since: "1.0.0", Complexity: "O(N) for N keys",
			Summary: "Returns how many of the keys are there, counting repeats", Parse: parseKeys(KindExists),
		},
		{
			Name: "touch", Arity: -2, Flags: SpecReadOnly | SpecFast, Group: GroupKeyspace,
			FirstKey: 1, LastKey: -1, Step: 1, Syntax: "key [key ...]", Since: "3.2.1", Complexity: "O(N) for N keys",
			Summary: "Returns how many of the keys are there, as EXISTS does", Parse: parseKeys(KindExists),
		},
		{
			Name: "wait", Arity: 3, Flags: SpecStale, Group: GroupKeyspace,
			Syntax: "numreplicas timeout", Since: "3.0.0", Complexity: "O(1)",
			Summary: "Returns at once how many other replicas hold every write acknowledged so far",
		},
	}
}
