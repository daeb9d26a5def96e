package letterlock

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// removedWords maps each word that the project no longer uses to the term to use
// instead. The words are looked for in comments, strings and documents, and as
// parts of names: stranger is found in newStranger.
var removedWords = map[string]string{
	"census":    "inventory recorder",
	"chore":     "maintenance",
	"chores":    "maintenance",
	"crew":      "workers",
	"door":      "socket",
	"doors":     "sockets",
	"hear":      "read, receive",
	"heard":     "read, received",
	"hearing":   "reading",
	"hears":     "reads, receives",
	"lane":      "policy exception",
	"lanes":     "policy exceptions",
	"leg":       "backend TLS",
	"legs":      "backend TLS",
	"makeshift": "self-signed",
	"overheard": "read",
	"oversee":   "inspect the relay",
	"overseer":  "relay inspector",
	"oversees":  "inspects the relay",
	"spoil":     "the error, or what makes it unusable",
	"spoilt":    "the error, or what makes it unusable",
	"stranger":  "unauthenticated session, client without a login",
	"strangers": "unauthenticated sessions, clients without a login",
	"sunk":      "discarded",
	"told":      "informed, logged, reported",
	"unheard":   "unread",
	"upkeep":    "maintenance",
	"visit":     "call, walk, session or connection",
	"visited":   "called, walked",
	"visitor":   "client",
	"visitors":  "clients",
	"visits":    "calls, walks, sessions or connections",
	"voice":     "transport (ACME)",
	"voices":    "transports (ACME)",
	"whoever":   "the client, the user: name it",
}

// removedFromNames are looked for in names only: in a sentence they have other
// meanings.
var removedFromNames = map[string]string{
	"lot":    "parking",
	"say":    "write",
	"says":   "writes",
	"spot":   "entry",
	"supply": "manager (ACME)",
	"tell":   "forward, report, log",
	"tells":  "forwards, reports, logs",
	"turned": "rejected",
}

// incompleteNames are not the whole name of a function, method or type.
var incompleteNames = map[string]string{
	"ahead":  "the collected login",
	"begin":  "what begins",
	"end":    "what ends",
	"enter":  "what is entered",
	"means":  "LoginMethod",
	"strong": "AuthAllowed",
	"take":   "what is taken",
	"taken":  "Accepted",
}

// removedPhrases are not used in comments, strings and documents.
var removedPhrases = map[string]string{
	`in clear`:     "in plaintext, before TLS",
	`in the clear`: "in plaintext, before TLS",
	`clear text`:   "plaintext",
	`clear (?:table|list|commands?|mail|sessions?|side|half)`: "plaintext, before TLS",
	`(?:and|or) (?:its|their) kin`:                            "and similar commands",
	`parking lots?`:                                           "parking",
	`turn(?:s|ed|ing)? away`:                                  "reject",
	`sen[dt]s? away`:                                          "reject",
}

// inverted matches a comment that defines a name the wrong way round: "X is what …".
var inverted = regexp.MustCompile(`^// (?:\w+ )?\w+ (?:is|are) what\b`)

// readable lists the extensions of the other files that people read.
var readable = []string{".md", ".yaml", ".yml", ".dialog", ".html", ".css", ".js", ".sh", ".txt", ".txtar", ".diff", ".svg", ".csv", ".golden", ".error"}

// TestWords looks for removed words in all files. CONTRIBUTING.md has the terms
// of the project.
func TestWords(t *testing.T) {
	w := newWords(t)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == ".git" || path == "bin"):
			return filepath.SkipDir
		case d.Type().IsRegular() && path != "words_test.go":
			return w.file(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// words searches files.
type words struct {
	t       *testing.T
	text    *regexp.Regexp // every removed word and phrase
	phrases map[*regexp.Regexp]string
}

func newWords(t *testing.T) *words {
	w := &words{t: t, phrases: map[*regexp.Regexp]string{}}
	all := slices.Sorted(maps.Keys(removedWords))
	for phrase, term := range removedPhrases {
		spaced := strings.ReplaceAll(phrase, " ", `[\s/*#]+`) // it may go on in the next line of a comment
		all = append(all, spaced)
		w.phrases[regexp.MustCompile(`(?i)^`+spaced+`$`)] = term
	}
	w.text = regexp.MustCompile(`(?i)\b(?:` + strings.Join(all, "|") + `)\b`)
	return w
}

func (w *words) file(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	name, ext := filepath.Base(path), filepath.Ext(path)
	w.name(path, 1, strings.TrimSuffix(name, ext), false)
	isScript := ext == "" && (name == "Makefile" || name == "Dockerfile" || bytes.HasPrefix(text, []byte("#!")))
	switch {
	case ext == ".go":
		return w.source(path, text)
	case isScript, slices.Contains(readable, ext):
		w.prose(path, 1, string(text))
	}
	return nil
}

// source searches the names that a Go file declares, its strings and comments.
func (w *words) source(path string, text []byte) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	line := func(n ast.Node) int { return files.Position(n.Pos()).Line }
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			w.prose(path, line(literal), literal.Value)
		}
		names, whole := declared(n)
		for _, id := range names {
			w.name(path, line(id), id.Name, whole)
		}
		return true
	})
	for _, group := range file.Comments {
		if found := inverted.FindString(group.List[0].Text); found != "" {
			w.report(path, line(group), found, "X holds, X says, X has …")
		}
		w.prose(path, line(group), string(text[files.Position(group.Pos()).Offset:files.Position(group.End()).Offset]))
	}
	return nil
}

// declared returns the names that a node declares, and whether they must say by
// themselves what they name: those of functions and types.
func declared(n ast.Node) (names []*ast.Ident, whole bool) {
	switch n := n.(type) {
	case *ast.File:
		return []*ast.Ident{n.Name}, false
	case *ast.FuncDecl:
		return []*ast.Ident{n.Name}, true
	case *ast.TypeSpec:
		return []*ast.Ident{n.Name}, true
	case *ast.Field:
		_, isFunc := n.Type.(*ast.FuncType)
		return n.Names, isFunc
	case *ast.ValueSpec:
		return n.Names, false
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			return identifiers(n.Lhs...), false
		}
	case *ast.RangeStmt:
		if n.Tok == token.DEFINE {
			return identifiers(n.Key, n.Value), false
		}
	}
	return nil, false
}

func identifiers(all ...ast.Expr) (names []*ast.Ident) {
	for _, e := range all {
		if id, ok := e.(*ast.Ident); ok {
			names = append(names, id)
		}
	}
	return names
}

// name searches a declared name, or that of a file.
func (w *words) name(path string, line int, name string, whole bool) {
	if term, ok := incompleteNames[strings.ToLower(name)]; ok && whole {
		w.report(path, line, name, term)
	}
	parts := partsOf(name)
	for i, part := range parts {
		if term := removedWords[part] + removedFromNames[part]; term != "" {
			w.report(path, line, name, term)
		}
		if part == "clear" && i > 0 && parts[i-1] == "in" {
			w.report(path, line, name, removedPhrases["in clear"])
		}
	}
}

// partsOf splits a name into its words, in lower case: newStranger into new and
// stranger, SMTPInClear into smtp, in and clear.
func partsOf(name string) []string {
	var spaced strings.Builder
	letters := []rune(name)
	for i, c := range letters {
		begins := unicode.IsUpper(c) && i > 0 && (!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		switch {
		case begins:
			spaced.WriteString(" " + string(c))
		case c == '_' || c == '-' || c == '.':
			spaced.WriteByte(' ')
		default:
			spaced.WriteRune(c)
		}
	}
	return strings.Fields(strings.ToLower(spaced.String()))
}

func (w *words) prose(path string, first int, text string) {
	for _, at := range w.text.FindAllStringIndex(text, -1) {
		found := text[at[0]:at[1]]
		term := removedWords[strings.ToLower(found)]
		for phrase, instead := range w.phrases {
			if phrase.MatchString(found) {
				term = instead
			}
		}
		w.report(path, first+strings.Count(text[:at[0]], "\n"), strings.Join(strings.Fields(found), " "), term)
	}
}

func (w *words) report(path string, line int, found, term string) {
	w.t.Errorf("%s:%d: %q: use %s", path, line, found, term)
}
