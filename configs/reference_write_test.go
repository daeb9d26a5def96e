package configs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const referenceHead = `# Letterlock: the reference of its configuration. Each key is described here
# once, with its bounds and its default, which is the value of an absent key. A
# file needs listeners only.
#
# Domains may be written in UTF-8 or with xn--, in any case; all forms of a name
# are equal.
#
# Check a file with: letterlock config check --config FILE
# A changed file takes effect with SIGHUP, as a whole or not at all.
`

// The reference file is generated from the comments and tags of the fields of
// Config and the types below it. Run with -update to generate it again.
func TestReferenceIsGenerated(t *testing.T) {
	w := referenceWriter{comments: fieldComments(t), described: map[string]bool{}}
	w.b.WriteString(referenceHead)
	w.fields(reflect.TypeFor[Config](), "", "", 0)
	compare(t, "reference.yaml", w.b.String())
}

// fieldComments reads the comments of all fields, by Type.Field.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				commentsOf(spec, comments)
			}
			return true
		})
	}
	return comments
}

func commentsOf(spec *ast.TypeSpec, comments map[string]string) {
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range structure.Fields.List {
		if field.Doc == nil || field.Names == nil {
			continue
		}
		var lines []string
		for _, c := range field.Doc.List {
			lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(c.Text, "//"), " "))
		}
		comments[spec.Name.Name+"."+field.Names[0].Name] = strings.Join(lines, "\n")
	}
}

// referenceWriter writes the reference file. Each key is described at its first
// occurrence.
type referenceWriter struct {
	b         strings.Builder
	comments  map[string]string
	described map[string]bool
	dash      string // the dash before the first line of an entry
}

// fields writes the keys of a struct; entry is the index of the struct in its
// list, or 0.
func (w *referenceWriter) fields(t reflect.Type, path, indent string, entry int) {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Tag.Get("yaml") == "" {
			continue
		}
		k := keyOf(field, path)
		value, has := w.value(k, entry)
		if !has {
			continue
		}
		if path == "" {
			w.b.WriteByte('\n')
		}
		if !w.described[k.Path] {
			w.described[k.Path] = true
			w.comment(w.comments[t.Name()+"."+field.Name], k, indent)
		}
		w.key(k, value, indent, entry)
	}
}

// value returns the value to show; has is false if the entry lacks the key.
// There is one listener of each service: a key is in the first that may have
// it.
func (w *referenceWriter) value(k Key, entry int) (value string, has bool) {
	value = k.Default
	if len(k.Examples) > 0 {
		value = k.Examples[0]
	}
	if above := parent(k.Path); above == "listeners[]" {
		service := Services()[entry]
		switch k.Path {
		case "listeners[].service":
			return string(service), true
		case "listeners[].backend":
			return value, !service.Outbound()
		case "listeners[].lookup": // it excludes routes, which the listener before has
			return value, service == Submissions
		}
		return value, !w.described[k.Path] && (k.Services == nil || slices.Contains(k.Services, service))
	}
	if entry > 0 {
		if entry >= len(k.Examples) {
			return "", false
		}
		value = k.Examples[entry]
	}
	return value, value != "" || len(k.Examples) == 0
}

// key writes a key and its content. A mapping with examples shows those of the
// entry around it, in place of the first.
func (w *referenceWriter) key(k Key, value, indent string, entry int) {
	t := k.field.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := lastKey(k.Path)
	switch {
	case keysOf(t, "") == nil:
		w.line(indent, strings.TrimSpace(name+": "+value))
	case t.Kind() == reflect.Struct:
		w.line(indent, name+":")
		if len(k.Examples) == 0 {
			entry = 0
		}
		w.fields(t, k.Path, indent+"  ", entry)
	default:
		w.line(indent, name+":")
		for entry := range entries(t.Elem(), k) {
			w.dash = indent + "  - "
			w.fields(t.Elem(), k.Path+"[]", indent+"    ", entry)
		}
	}
}

// entries returns the number of entries of a list that are shown.
func entries(t reflect.Type, list Key) int {
	n := 1
	if list.Path == "listeners" {
		return len(Services())
	}
	for _, k := range keysOfStruct(t, list.Path+"[]") {
		if parent(k.Path) == list.Path+"[]" { // the keys of a struct in the entry have examples of their own
			n = max(n, len(k.Examples))
		}
	}
	return n
}

func (w *referenceWriter) line(indent, text string) {
	if w.dash != "" {
		indent, w.dash = w.dash, ""
	}
	w.b.WriteString(strings.TrimRight(indent+text, " ") + "\n")
}

// comment writes a description, followed by the text of the tags. Indented
// lines stay as they are, all others are filled.
func (w *referenceWriter) comment(text string, k Key, indent string) {
	const width = 80
	var paragraph []string
	flush := func() {
		line := ""
		for _, word := range strings.Fields(strings.Join(paragraph, " ")) {
			if line != "" && len(indent)+len("# ")+len(line)+1+len(word) > width {
				w.line(indent, "# "+line)
				line = ""
			}
			line = strings.TrimSpace(line + " " + word)
		}
		if line != "" {
			w.line(indent, "# "+line)
		}
		paragraph = nil
	}
	lines := strings.Split(text, "\n")
	if tail := tagWords(text, k); tail != "" {
		lines = append(lines, tail)
	}
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, " "):
			flush()
			w.line(indent, "# "+line)
		case line == "":
			flush()
			w.line(indent, "#")
		default:
			paragraph = append(paragraph, line)
		}
	}
	flush()
}

// tagWords describes the tags of a key in sentences. A default that depends on
// other keys is in the comment.
func tagWords(text string, k Key) string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if k.Services != nil && len(k.Services) < len(Inbound()) {
		add("Services: %s.", list(k.Services))
	}
	if k.Words != nil && !k.Open && !mentionsAll(text, k.Words) {
		add("One of %s.", strings.Join(k.Words, ", "))
	}
	if k.Max != "" {
		add("%s to %s.", k.Min, k.Max)
	}
	if k.Required {
		add("Required.")
	}
	if k.Default != "" {
		add("Default: %s.", k.Default)
	}
	switch {
	case k.Variable == "":
		return strings.Join(all, " ")
	case k.Flag != "":
		add("Without a file: --%s or %s", k.Flag, k.Variable)
	default:
		add("Without a file: %s", k.Variable)
	}
	if k.Each {
		all[len(all)-1] += fmt.Sprintf(", for one service a variable such as %sIMAP_%s", prefix, strings.TrimPrefix(k.Variable, prefix))
	}
	all[len(all)-1] += "."
	return strings.Join(all, " ")
}

func mentionsAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool {
		return !regexp.MustCompile(`(^|[^\w-])` + regexp.QuoteMeta(word) + `($|[^\w-])`).MatchString(text)
	})
}
