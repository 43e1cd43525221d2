package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// setting describes one setting: its name everywhere, and how it is read and written.
type setting struct {
	name, kind, usage string
	get               func(*Config) string
	set               func(*Config, string) error
}

// settings is the one table of all settings, in the order of the help.
var settings = []setting{
	text("data", "DIR", "directory that holds this node's data; created when absent", func(c *Config) *string { return &c.Data }),
	text("peer-listen", "HOST:PORT", "where other nodes connect", func(c *Config) *string { return &c.Listen.Peer }),
	text("cluster-listen", "HOST:PORT", "where Redis Cluster clients connect", func(c *Config) *string { return &c.Listen.Cluster }),
	text("plain-listen", "HOST:PORT", "where all other Redis clients connect; every key is answered", func(c *Config) *string { return &c.Listen.Plain }),
	text("http-listen", "HOST:PORT", "where health, metrics and status are served", func(c *Config) *string { return &c.Listen.HTTP }),
	text("advertise-peer", "HOST:PORT", "how other nodes reach peer-listen, when that differs", func(c *Config) *string { return &c.Advertise.Peer }),
	text("advertise-cluster", "HOST:PORT", "how clients reach cluster-listen, when that differs", func(c *Config) *string { return &c.Advertise.Cluster }),
	text("advertise-plain", "HOST:PORT", "how clients reach plain-listen, when that differs", func(c *Config) *string { return &c.Advertise.Plain }),
	text("advertise-http", "HOST:PORT", "how clients reach http-listen, when that differs", func(c *Config) *string { return &c.Advertise.HTTP }),
	text("zone", "NAME", "failure domain, such as a rack: replicas of a shard are spread over zones", func(c *Config) *string { return &c.Zone }),
	{
		"cores", "N", "single-threaded cores; fixed once the node is part of a cluster",
		func(c *Config) string { return strconv.Itoa(c.Cores) },
		func(c *Config, s string) (err error) {
			if c.Cores, err = strconv.Atoi(s); err != nil {
				return fmt.Errorf("%q is not a whole number", s)
			}
			return nil
		},
	},
	{
		"memory", "SIZE", "resident memory to stay below; caches and buffers are sized by it",
		func(c *Config) string { return FormatBytes(c.MemoryBytes) },
		func(c *Config, s string) (err error) { c.MemoryBytes, err = ParseBytes(s); return err },
	},
	{
		"insecure-listen", "bool", "allow to listen beyond loopback, with no users and no TLS",
		func(c *Config) string { return strconv.FormatBool(c.InsecureListen) },
		func(c *Config, s string) (err error) {
			if c.InsecureListen, err = strconv.ParseBool(s); err != nil {
				return fmt.Errorf("%q is neither true nor false", s)
			}
			return nil
		},
	},
	duration("tick-interval", "unit of Raft time; a dead leader is replaced within 10 to 20 of it", func(c *Config) *time.Duration { return &c.TickInterval }),
	duration("request-timeout", "how long a request waits for a leader or a quorum", func(c *Config) *time.Duration { return &c.RequestTimeout }),
	{
		"log-level", "LEVEL", "least severe level to log: debug, info, warn or error",
		func(c *Config) string { return strings.ToLower(c.LogLevel.String()) },
		func(c *Config, s string) error {
			var level slog.Level
			if err := level.UnmarshalText([]byte(s)); err != nil {
				return fmt.Errorf("%q is none of debug, info, warn, error", s)
			}
			c.LogLevel = level
			return nil
		},
	},
	text("log-format", "FORMAT", "form of log lines: text or json", func(c *Config) *string { return &c.LogFormat }),
}

func text(name, kind, usage string, field func(*Config) *string) setting {
	return setting{
		name, kind, usage,
		func(c *Config) string { return *field(c) },
		func(c *Config, s string) error { *field(c) = s; return nil },
	}
}

func duration(name, usage string, field func(*Config) *time.Duration) setting {
	return setting{
		name, "DURATION", usage,
		func(c *Config) string { return field(c).String() },
		func(c *Config, s string) error {
			d, err := time.ParseDuration(s)
			if err != nil {
				return fmt.Errorf("%q is not a duration: write it like 500ms or 5s", s)
			}
			*field(c) = d
			return nil
		},
	}
}

// Value is one setting while its sources are collected. It is a pflag.Value: setting it is what a flag does.
type Value struct {
	setting *setting
	values  *Values
	flagged bool // a flag gave it
}

// Name returns the setting's name, such as "peer-listen".
func (v *Value) Name() string { return v.setting.name }

// Usage returns one line of help.
func (v *Value) Usage() string { return v.setting.usage + " [$" + EnvName(v.setting.name) + "]" }

// String returns the present value.
func (v *Value) String() string {
	if v == nil || v.setting == nil {
		return ""
	}
	return v.setting.get(&v.values.config)
}

// Set takes the value of a flag.
func (v *Value) Set(s string) error {
	if err := v.setting.set(&v.values.config, s); err != nil {
		return err
	}
	v.flagged = true
	return nil
}

// Type names what the value is, for help.
func (v *Value) Type() string { return v.setting.kind }

// IsBoolFlag reports whether the flag alone means true.
func (v *Value) IsBoolFlag() bool { return v.setting.kind == "bool" }

// EnvName returns the environment variable of a setting: KATAKV_PEER_LISTEN for peer-listen.
func EnvName(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

const envPrefix = "KATAKV_"
