package tidy

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
)

// PackageDocs finds packages without exactly one package comment in doc.go (or main.go of a command), and
// library packages whose comment lacks a Concurrency section.
func PackageDocs(t *Tree) []string {
	var found []string
	for _, dir := range sortedKeys(t.Packages) {
		pkg := t.Packages[dir]
		var places []string
		text := ""
		for _, file := range pkg.Files {
			if file.AST.Doc != nil && strings.TrimSpace(file.AST.Doc.Text()) != "" {
				places = append(places, file.Path)
				text = file.AST.Doc.Text()
			}
		}
		command := pkg.Name == "main"
		switch {
		case len(places) == 0:
			found = append(found, dir+": the package has no doc.go that says what it is")
		case len(places) > 1:
			found = append(found, fmt.Sprintf("%s: %d package comments, want one: %s", dir, len(places), strings.Join(places, ", ")))
		case path.Base(places[0]) != "doc.go" && (!command || path.Base(places[0]) != "main.go"):
			found = append(found, places[0]+": the package comment belongs in doc.go")
		case !command && len(pkg.Product()) > 1 && !strings.Contains(text, "\n# Concurrency\n"):
			found = append(found, places[0]+": the package comment has no \"# Concurrency\" section")
		}
	}
	return found
}

var (
	inlineLink   = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)`)
	inlineCode   = regexp.MustCompile("`[^`]*`")
	linkScheme   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:`)
	headingStart = regexp.MustCompile(`^#{1,6} +(.*)$`)
)

// Links finds relative links in Markdown files whose file or heading does not exist.
func Links(t *Tree) []string {
	var found []string
	for _, name := range sortedKeys(t.Files) {
		if path.Ext(name) != ".md" {
			continue
		}
		eachProseLine(t.Files[name], func(number int, line string) {
			for _, match := range inlineLink.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, ""), -1) {
				if problem := t.brokenLink(name, match[1]); problem != "" {
					found = append(found, fmt.Sprintf("%s:%d: %s", name, number, problem))
				}
			}
		})
	}
	return found
}

// brokenLink returns what is wrong with a link in a file, or "".
func (t *Tree) brokenLink(from, link string) string {
	if linkScheme.MatchString(link) || strings.HasPrefix(link, "//") {
		return ""
	}
	target, heading, _ := strings.Cut(link, "#")
	file := from
	if target != "" {
		file = path.Join(path.Dir(from), target)
	}
	data, ok := t.Files[file]
	if !ok && !t.isDir(file) {
		return fmt.Sprintf("link to %s, which does not exist", link)
	}
	if heading != "" && path.Ext(file) == ".md" && !headings(data)[heading] {
		return fmt.Sprintf("link to %s: no such heading", link)
	}
	return ""
}

func (t *Tree) isDir(name string) bool {
	if name == "." {
		return true
	}
	for file := range t.Files {
		if strings.HasPrefix(file, name+"/") {
			return true
		}
	}
	return false
}

// headings returns the anchors of a Markdown file, formed as the common renderers do: lower case, punctuation
// dropped, spaces to hyphens, "-1" and so on behind repeated ones.
func headings(data []byte) map[string]bool {
	anchors := map[string]bool{}
	count := map[string]int{}
	eachProseLine(data, func(_ int, line string) {
		match := headingStart.FindStringSubmatch(line)
		if match == nil {
			return
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(match[1]))
		if n := count[anchor]; n > 0 {
			anchors[fmt.Sprintf("%s-%d", anchor, n)] = true
		}
		anchors[anchor] = true
		count[anchor]++
	})
	return anchors
}

// eachProseLine calls visit for each line outside fenced code, with its number from 1.
func eachProseLine(data []byte, visit func(number int, line string)) {
	fence := ""
	for i, line := range strings.Split(string(data), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "":
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
		case strings.HasPrefix(trimmed, "```"), strings.HasPrefix(trimmed, "~~~"):
			fence = trimmed[:3]
		default:
			visit(i+1, line)
		}
	}
}
