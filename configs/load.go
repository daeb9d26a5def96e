package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxFile is the maximum size of a configuration file, in bytes.
const maxFile = 1 << 20

const minimum = `write at least a service and its backend:

    hostname: mail.example.com
    listeners:
      - {service: imaps, backend: legacy.example.com}`

// Load reads, completes and checks the file at path. Errors in its content are
// returned as Errors.
func Load(path string) (*Config, error) {
	return Here().Load(path)
}

// Parse is Load for a text; name is its name in errors, and relative paths
// begin in the folder of name.
func Parse(name string, text []byte) (*Config, error) {
	return Here().Parse(name, text)
}

// Load is the function Load, for the machine m.
func (m Machine) Load(path string) (*Config, error) {
	text, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return m.Parse(path, text)
}

// read reads a file, but not much more than maxFile of it.
func read(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // G703: the administrator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Parse is the function Parse, for the machine m.
func (m Machine) Parse(name string, text []byte) (*Config, error) {
	f := newFindings(name, text)
	root := f.tree(text)
	if root == nil {
		return nil, f.errors
	}
	c := Default()
	f.places[""] = place{value: root}
	decoder{f}.decode(root, "", reflect.ValueOf(&c).Elem())
	c.complete(m, filepath.Dir(name))
	c.check(m, report{findings: f})
	if faults := append(f.errors.sorted(), c.addExceptions(m)...); len(faults) > 0 {
		return nil, faults
	}
	c.origin = origin{f, m}
	return &c, nil
}

// StateDirIn returns the state_dir of a file that has errors, even if it is not YAML;
// the default if it cannot be read.
func StateDirIn(path string) string {
	folder := Default().StateDir
	text, err := read(path)
	if err != nil {
		return folder
	}
	for line := range bytes.Lines(text) {
		var found struct {
			StateDir string `yaml:"state_dir"`
		}
		if bytes.HasPrefix(line, []byte("state_dir:")) && yaml.Unmarshal(line, &found) == nil && found.StateDir != "" {
			folder = inFolder(filepath.Dir(path), found.StateDir)
		}
	}
	return folder
}

// tree parses the text as one YAML document. It returns nil if that fails; the
// findings have the reason.
func (f *findings) tree(text []byte) *yaml.Node {
	switch {
	case len(text) > maxFile:
		f.add(nil, "", "the file is larger than 1 MiB", "this is probably not the configuration")
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		f.add(nil, "", "the file is not UTF-8 text", "save it as UTF-8")
	default:
		return f.document(text)
	}
	return nil
}

// document requires that there is exactly one document. The library would read
// the first and ignore the others, including their errors.
func (f *findings) document(text []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		f.add(nil, "", err.Error(), "")
		return nil
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		f.add(nil, "", "the file is empty", minimum)
		return nil
	} else if err != nil {
		f.syntax(err)
		return nil
	}
	if err := loader.Load(&second); err == nil {
		f.add(&second, "", "a second document begins", "keep one, and remove the ---")
		return nil
	} else if !errors.Is(err, io.EOF) {
		f.syntax(err)
		return nil
	}
	root := first.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		f.add(nil, "", "the file is empty", minimum)
		return nil
	}
	return root
}

// syntax reports a syntax error of the YAML parser.
func (f *findings) syntax(err error) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		f.add(nil, "", "not YAML: "+err.Error(), "")
		return
	}
	problem := "not YAML: " + load.Message
	if load.ContextMsg != "" {
		problem += " " + load.ContextMsg
	}
	e := &Error{File: f.file, Problem: problem, Remedy: syntaxRemedy(load.Message)}
	if load.Mark.Line > 0 {
		f.locate(e, load.Mark.Line, load.Mark.Column)
	}
	f.errors = append(f.errors, e)
}

// syntaxRemedy guesses the mistake from the parser's most frequent messages.
func syntaxRemedy(message string) string {
	switch {
	case strings.Contains(message, "cannot start any token"):
		return "indent with spaces, never with tabs, and put text with special characters in quotes"
	case strings.Contains(message, "mapping values are not allowed"):
		return `put text with a colon in quotes, and check the indentation`
	default:
		return "check the brackets, quotes and indentation here and in the line above"
	}
}
