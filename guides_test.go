package letterlock

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/guide"
)

// eachBlock calls a function for each block of a language in all documents.
func eachBlock(t *testing.T, language string, check func(t *testing.T, file string, b guide.Block)) {
	t.Helper()
	for _, file := range documents(t) {
		for _, b := range guide.Blocks(read(t, file)) {
			if b.Language == language {
				t.Run(file+":"+strconv.Itoa(b.Line), func(t *testing.T) { check(t, file, b) })
			}
		}
	}
}

// composeFile matches a line that names a file of deploy/compose, and the block below
// it, which shows the file.
var composeFile = regexp.MustCompile("(?s)`(deploy/compose/[^`\n]+)`:\n\n```[a-z]+\n(.*?)```")

// The guide shows the compose files that make test-containers runs.
func TestGuideShowsTheComposeFiles(t *testing.T) {
	all := composeFile.FindAllStringSubmatch(read(t, "docs/guides/containers.md"), -1)
	if len(all) != 11 {
		t.Errorf("the guide shows %d files", len(all))
	}
	for _, m := range all {
		if strings.TrimSpace(read(t, m[1])) != strings.TrimSpace(m[2]) {
			t.Errorf("the guide shows another %s", m[1])
		}
	}
}

// The compose files give Letterlock the rights at the store that the documentation names.
func TestRightsAtTheStore(t *testing.T) {
	rights := regexp.MustCompile(`\nuser letterlock on [>#].* (~\{letterlock\}:\* .*)\n`)
	documented := rights.FindStringSubmatch(read(t, "docs/cluster.md"))
	granted := rights.FindStringSubmatch(read(t, "deploy/compose/mail/prepare"))
	if documented == nil || granted == nil || granted[1] != documented[1] {
		t.Errorf("%q are granted, and %q documented", granted, documented)
	}
}

// Every configuration in the documents is accepted as far as its text goes. A part of
// one is completed with a listener.
func TestConfigurationsOfTheDocuments(t *testing.T) {
	eachBlock(t, "yaml", func(t *testing.T, _ string, b guide.Block) {
		if strings.Contains(b.Text, "\nservices:") || strings.HasPrefix(b.Text, "services:") || strings.Contains(b.Text, "apiVersion:") {
			checkManifests(t, b.Text)
			return
		}
		checkConfiguration(t, b.Text)
	})
}

// parts complete a part of a configuration that has no listeners, or names backends
// that it does not define.
var parts = []string{
	"", "\nlisteners: [{service: imaps, backend: 10.0.0.5}]\n", "\nlisteners: [{service: smarthost}]\n",
	"\nbackends: [{name: cyrus, addresses: [10.0.0.5]}, {name: legacy, addresses: [10.0.0.6]}]\n",
}

func checkConfiguration(t *testing.T, text string) {
	t.Helper()
	var first error
	for _, part := range parts {
		_, err := configs.Elsewhere("mail.example.com").Parse("letterlock.yaml", []byte(text+part))
		if err == nil {
			return
		}
		if first == nil || !strings.Contains(text, "listeners:") {
			first = err
		}
	}
	t.Error(first)
}

// checkManifests decodes the documents of a container engine, and checks the
// configurations in them.
func checkManifests(t *testing.T, text string) {
	t.Helper()
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var manifest struct {
			Data map[string]string
			Rest map[string]any `yaml:",inline"`
		}
		err := decoder.Decode(&manifest)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if configuration := manifest.Data["letterlock.yaml"]; configuration != "" {
			checkConfiguration(t, configuration)
		}
	}
}

// The shell can read all commands of the documents.
func TestCommandsOfTheDocuments(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("this system has no sh, which parses the commands")
	}
	eachBlock(t, "sh", func(t *testing.T, _ string, b guide.Block) {
		cmd := exec.Command(shell, "-n")
		cmd.Stdin = strings.NewReader(b.Text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// firstCode matches the first term in backquotes in each row of a table, in its first
// or second column.
var firstCode = regexp.MustCompile("(?m)^\\|[^`|]*\\|? ?`([^`]+)`")

// Each message of the log and each reply in the tables of troubleshooting.md stands
// in the source.
func TestMessagesOfTheDocuments(t *testing.T) {
	text := read(t, "docs/guides/troubleshooting.md")
	source := stringsOfTheProgram(t)
	for name, least := range map[string]int{"messages": 20, "replies": 10} {
		table, found := guide.Table(text, name)
		if !found {
			t.Fatalf("the table of %s is missing", name)
		}
		all := firstCode.FindAllStringSubmatch(table, -1)
		if len(all) < least {
			t.Errorf("the table of %s has only %d rows", name, len(all))
		}
		for _, m := range all {
			if !strings.Contains(source, strings.TrimSpace(m[1])) {
				t.Errorf("%s: %q is not in the source", name, m[1])
			}
		}
	}
}

// stringsOfTheProgram returns all string literals of the packages that are served.
func stringsOfTheProgram(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch name := filepath.ToSlash(file); {
		case err != nil:
			return err
		case entry.IsDir() && (notServed.MatchString(name) || strings.HasPrefix(entry.Name(), ".") && name != "."):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					all.WriteString(text + "\n")
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
