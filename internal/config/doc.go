// Package config turns flags, environment and a file into one validated [Config] of a node.
//
// Every setting has one name, the same in all three places: the flag --peer-listen, the variable
// KATAKV_PEER_LISTEN and the key peer-listen of the file, which is YAML with one setting a line. A flag wins over
// the environment, that over the file, and that over the default.
//
//	values := config.NewValues()
//	for _, v := range values.All() {
//		flags.Var(v, v.Name(), v.Usage()) // a pflag.Value
//	}
//	// after the flags have been parsed:
//	cfg, err := values.Load(file, os.LookupEnv)
//
// What it promises: an error names the setting and where its value came from, and says what to do. A [Config]
// that Load returned is valid: addresses can be listened on, sizes lie within their bounds, and nothing listens
// beyond loopback unless the operator said so.
//
// It leaves to others: settings of the whole cluster (placement.Settings), other subcommands' flags, opening
// anything.
//
// # Concurrency
//
// [Values] has one owner. A Config is plain data.
package config
