package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// info is INFO [section ...].
func (r *request) info() {
	wanted := make([]string, 0, len(r.args))
	for _, arg := range r.args[1:] {
		wanted = append(wanted, strings.ToLower(string(arg)))
	}
	all := len(wanted) == 0 || slices.ContainsFunc(wanted, func(name string) bool {
		return name == "all" || name == "everything" || name == "default"
	})
	var parts []string
	for _, section := range r.server.infoSections() {
		if all || slices.Contains(wanted, strings.ToLower(section.Name)) {
			parts = append(parts, section.text())
		}
	}
	r.w.Verbatim("txt", strings.Join(parts, "\r\n"))
}

// infoSections joins what the server knows with what the node tells: sections of one name become one, and a field
// of the node stands in for the server's of the same name.
func (s *Server) infoSections() []InfoSection {
	sections := s.ownInfo()
	for _, theirs := range s.config.Backend.Info() {
		at := slices.IndexFunc(sections, func(own InfoSection) bool { return own.Name == theirs.Name })
		if at < 0 {
			sections = append(sections, theirs)
			continue
		}
		sections[at].Fields = mergeFields(sections[at].Fields, theirs.Fields)
	}
	return sections
}

func mergeFields(own, theirs []InfoField) []InfoField {
	for _, field := range theirs {
		at := slices.IndexFunc(own, func(f InfoField) bool { return f.Name == field.Name })
		if at < 0 {
			own = append(own, field)
		} else {
			own[at] = field
		}
	}
	return own
}

// ownInfo is what clients of Redis look for and every node can say.
func (s *Server) ownInfo() []InfoSection {
	uptime := int64(s.config.Now().Sub(s.started).Seconds())
	clusterEnabled := "0"
	if s.clustered() {
		clusterEnabled = "1"
	}
	return []InfoSection{
		{Name: "Server", Fields: []InfoField{
			{"redis_version", RedisVersion},
			{"katakv_version", s.config.Version},
			{"redis_mode", s.modeName()},
			{"tcp_port", strconv.Itoa(s.port())},
			{"uptime_in_seconds", strconv.FormatInt(uptime, 10)},
		}},
		{Name: "Clients", Fields: []InfoField{
			{"connected_clients", strconv.Itoa(s.Connections())},
			{"maxclients", strconv.Itoa(s.config.MaxConnections)},
			{"blocked_clients", "0"},
			{"unfinished_input_bytes", strconv.Itoa(s.input.used())},
		}},
		{Name: "Persistence", Fields: []InfoField{
			{"loading", "0"},
			{"aof_enabled", "1"},
		}},
		{Name: "Stats", Fields: []InfoField{
			{"total_connections_received", strconv.FormatInt(s.accepted.Load(), 10)},
			{"total_commands_processed", strconv.FormatInt(s.commands.Load(), 10)},
			{"rejected_connections", strconv.FormatInt(s.refused.Load(), 10)},
		}},
		{Name: "Replication", Fields: []InfoField{
			{"role", "master"},
			{"connected_slaves", "0"},
		}},
		{Name: "Cluster", Fields: []InfoField{
			{"cluster_enabled", clusterEnabled},
		}},
	}
}

// text is the section as INFO shows it.
func (s *InfoSection) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\r\n", s.Name)
	for _, f := range s.Fields {
		fmt.Fprintf(&b, "%s:%s\r\n", f.Name, f.Value)
	}
	return b.String()
}
