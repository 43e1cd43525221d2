package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"
)

// maxFileBytes bounds the file: all settings with long comments stay far below.
const maxFileBytes = 1 << 20

// Values collects the settings from their sources.
type Values struct {
	config Config
	all    []*Value
}

// NewValues returns all settings at their defaults.
func NewValues() *Values {
	values := &Values{config: Default()}
	for i := range settings {
		values.all = append(values.all, &Value{setting: &settings[i], values: values})
	}
	return values
}

// All returns every setting, in the order of the help.
func (vs *Values) All() []*Value { return vs.all }

// Load adds file and environment to what flags have set and validates the whole. file is the configuration
// file's path, empty for none; lookup reads the environment, as os.LookupEnv does.
func (vs *Values) Load(file string, lookup func(string) (string, bool)) (Config, error) {
	fromFile := map[string]string{}
	if file != "" {
		var err error
		if fromFile, err = readFile(file); err != nil {
			return Config{}, err
		}
	}
	for _, v := range vs.all {
		if v.flagged {
			continue
		}
		name, source := v.setting.name, "environment"
		text, ok := lookup(EnvName(name))
		if !ok || text == "" {
			source = "file " + file
			if text, ok = fromFile[name]; !ok {
				continue
			}
		}
		if err := v.setting.set(&vs.config, text); err != nil {
			return Config{}, fmt.Errorf("%s (%s): %w", name, source, err)
		}
	}
	if err := vs.config.Validate(); err != nil {
		return Config{}, err
	}
	return vs.config, nil
}

// readFile returns the file's settings by name, each as its text.
func readFile(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("configuration %s is larger than %s", path, FormatBytes(maxFileBytes))
	}
	parsed, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return parsed, nil
}

// parse reads YAML with one "name: value" a line.
func parse(data []byte) (map[string]string, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var nodes map[string]yaml.Node
	if err := decoder.Decode(&nodes); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("not a list of \"name: value\" lines: %w", err)
	}
	var more yaml.Node
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document")
	}
	parsed := make(map[string]string, len(nodes))
	for name, node := range nodes {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("line %d: %w", node.Line, unknown(name))
		}
		if node.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: %s takes one value", node.Line, name)
		}
		parsed[name] = node.Value
	}
	return parsed, nil
}

func unknown(name string) error {
	if near := Nearest(name, Names()); near != "" {
		return fmt.Errorf("there is no setting %q: did you mean %s?", name, near)
	}
	return fmt.Errorf("there is no setting %q", name)
}

// Names returns the names of all settings.
func Names() []string {
	names := make([]string, len(settings))
	for i := range settings {
		names[i] = settings[i].name
	}
	return names
}
