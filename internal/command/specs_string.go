package command

// stringSpecs are the commands on values.
func stringSpecs() []*Spec {
	return []*Spec{
		{
			Name: "get", Arity: 2, Flags: SpecReadOnly | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Returns the value of a key", Parse: parseKey(KindGet),
		},
		{
			Name: "set", Arity: -3, Flags: SpecWrite | SpecDenyOOM, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key value [NX | XX] [GET]", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Sets the value of a key, if wanted only when it is absent (NX) or present (XX)", Parse: parseSet,
		},
		{
			Name: "setnx", Arity: 3, Flags: SpecWrite | SpecDenyOOM | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key value", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Sets the value of a key only when it is absent", Parse: parseKeyValue(KindSetNX, 0),
		},
		{
			Name: "getset", Arity: 3, Flags: SpecWrite | SpecDenyOOM | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key value", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Sets the value of a key and returns the old one", Parse: parseKeyValue(KindSet, FlagGet),
		},
		{
			Name: "mget", Arity: -2, Flags: SpecReadOnly | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: -1, Step: 1, Syntax: "key [key ...]", Since: "1.0.0", Complexity: "O(N) for N keys",
			Summary: "Returns the values of several keys", Parse: parseKeys(KindMGet),
		},
		{
			Name: "mset", Arity: -3, Flags: SpecWrite | SpecDenyOOM, Group: GroupString,
			FirstKey: 1, LastKey: -1, Step: 2, Syntax: "key value [key value ...]", Since: "1.0.1",
			Complexity: "O(N) for N keys",
			Summary:    "Sets the values of several keys, atomically within each shard", Parse: parseMSet,
		},
		{
			Name: "append", Arity: 3, Flags: SpecWrite | SpecDenyOOM | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key value", Since: "2.0.0", Complexity: "O(N) for a value of N bytes",
			Summary: "Appends to the value of a key and returns the new length", Parse: parseKeyValue(KindAppend, 0),
		},
		{
			Name: "strlen", Arity: 2, Flags: SpecReadOnly | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key", Since: "2.2.0", Complexity: "O(1)",
			Summary: "Returns the length of a value in bytes", Parse: parseKey(KindStrlen),
		},
		{
			Name: "incr", Arity: 2, Flags: SpecWrite | SpecDenyOOM | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Adds one to the integer at a key", Parse: parseStep(1),
		},
		{
			Name: "decr", Arity: 2, Flags: SpecWrite | SpecDenyOOM | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Subtracts one from the integer at a key", Parse: parseStep(-1),
		},
		{
			Name: "incrby", Arity: 3, Flags: SpecWrite | SpecDenyOOM | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key increment", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Adds to the integer at a key", Parse: parseIncrBy,
		},
		{
			Name: "decrby", Arity: 3, Flags: SpecWrite | SpecDenyOOM | SpecFast, Group: GroupString,
			FirstKey: 1, LastKey: 1, Step: 1, Syntax: "key decrement", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Subtracts from the integer at a key", Parse: parseDecrBy,
		},
	}
}
