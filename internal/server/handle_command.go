package server

import (
	"strings"

	"github.com/katakv/katakv/internal/command"
	"github.com/katakv/katakv/internal/resp"
)

func (r *request) commandAll() {
	all := command.All()
	r.w.ArrayHeader(len(all))
	for _, s := range all {
		writeSpec(r.w, s)
	}
}

func (r *request) commandCount() { r.w.Int(int64(len(command.All()))) }

func (r *request) commandList() {
	if len(r.args) > 2 {
		r.fail("syntax error: FILTERBY is not supported, filter the whole list instead")
		return
	}
	all := command.All()
	r.w.SetHeader(len(all))
	for _, s := range all {
		r.w.BulkString(s.Name)
	}
}

// commandInfo answers null for a name that is not in the table.
func (r *request) commandInfo() {
	if len(r.args) == 2 {
		r.commandAll()
		return
	}
	r.w.ArrayHeader(len(r.args) - 2)
	for _, name := range r.args[2:] {
		if s, ok := command.Lookup(name); ok {
			writeSpec(r.w, s)
		} else {
			r.w.NullArray()
		}
	}
}

// commandDocs leaves out names that are not in the table.
func (r *request) commandDocs() {
	specs := command.All()
	if len(r.args) > 2 {
		specs = nil
		for _, name := range r.args[2:] {
			if s, ok := command.Lookup(name); ok {
				specs = append(specs, s)
			}
		}
	}
	r.w.MapHeader(len(specs))
	for _, s := range specs {
		writeDocs(r.w, s)
	}
}

func (r *request) commandGetKeys() {
	args := r.args[2:]
	spec, ok := command.Lookup(args[0])
	if ok && spec.Container() && len(args) > 1 {
		if sub, found := spec.Subcommand(args[1]); found {
			spec = sub
		}
	}
	switch {
	case !ok:
		r.fail("Invalid command specified")
		return
	case spec.Check(args) != nil:
		r.fail("Invalid number of arguments specified for command")
		return
	}
	keys := spec.Keys(args)
	if len(keys) == 0 {
		r.fail("The command has no key arguments")
		return
	}
	r.w.ArrayHeader(len(keys))
	for _, key := range keys {
		r.w.Bulk(key)
	}
}

// writeSpec writes one entry of COMMAND's reply: the ten fields of Redis 7.
func writeSpec(w *resp.Writer, s *command.Spec) {
	w.ArrayHeader(10)
	w.BulkString(s.FullName())
	w.Int(int64(s.Arity))
	writeSimpleSet(w, s.Flags.Names())
	w.Int(int64(s.FirstKey))
	w.Int(int64(s.LastKey))
	w.Int(int64(s.Step))
	writeSimpleSet(w, s.Categories())
	w.ArrayHeader(0) // Tips for proxies.
	w.ArrayHeader(0) // Key specifications: the three numbers above say it all.
	subcommands := offered(s)
	w.ArrayHeader(len(subcommands))
	for _, sub := range subcommands {
		writeSpec(w, sub)
	}
}

// writeDocs writes one pair of COMMAND DOCS's reply.
func writeDocs(w *resp.Writer, s *command.Spec) {
	subcommands, arguments := offered(s), arguments(s.Syntax)
	fields := 4
	if len(arguments) > 0 {
		fields++
	}
	if len(subcommands) > 0 {
		fields++
	}
	w.BulkString(s.FullName())
	w.MapHeader(fields)
	for _, pair := range [][2]string{
		{"summary", s.Summary + "."}, {"since", s.Since}, {"group", string(s.Group)}, {"complexity", s.Complexity},
	} {
		w.BulkString(pair[0])
		w.BulkString(pair[1])
	}
	if len(arguments) > 0 {
		w.BulkString("arguments")
		w.ArrayHeader(len(arguments))
		for _, argument := range arguments {
			writeArgument(w, argument)
		}
	}
	if len(subcommands) > 0 {
		w.BulkString("subcommands")
		w.MapHeader(len(subcommands))
		for _, sub := range subcommands {
			writeDocs(w, sub)
		}
	}
}

// writeArgument writes an entry of COMMAND DOCS's arguments; in brackets it is optional.
func writeArgument(w *resp.Writer, argument string) {
	name, optional := strings.CutPrefix(argument, "[")
	fields := 2
	if optional {
		name = strings.TrimSuffix(name, "]")
		fields++
	}
	w.MapHeader(fields)
	w.BulkString("name")
	w.BulkString(name)
	w.BulkString("type")
	w.BulkString("string")
	if optional {
		w.BulkString("flags")
		writeSimpleSet(w, []string{"optional"})
	}
}

// arguments splits a syntax at spaces outside of brackets.
func arguments(syntax string) []string {
	var words []string
	depth, start := 0, 0
	for i, c := range syntax + " " {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == ' ' && depth == 0:
			if i > start {
				words = append(words, syntax[start:i])
			}
			start = i + 1
		}
	}
	return words
}

// offered returns the subcommands that are not refused.
func offered(s *command.Spec) []*command.Spec {
	var subs []*command.Spec
	for _, sub := range s.Subcommands {
		if sub.Refusal == "" {
			subs = append(subs, sub)
		}
	}
	return subs
}

func writeSimpleSet(w *resp.Writer, words []string) {
	w.SetHeader(len(words))
	for _, word := range words {
		w.SimpleString(word)
	}
}
