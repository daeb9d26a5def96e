package letterlock

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// owners maps each function that starts a goroutine or opens a listener to the code
// that ends or closes it. Goroutines of a
// sync.WaitGroup are not in it: their owner waits for the group.
var owners = map[string]string{
	"cmd/letterlock runner.upgrade":        "the result that it sends, which runner.serve or runner.stopUpgrade receives",
	"cmd/letterlock signals":               "the process: it waits for signals until the end",
	"internal/app again":                   "the web.Server that gets it",
	"internal/app maintenance.start":       "maintenance.stop cancels it and waits",
	"internal/demo listener.each":          "listener.cut closes the connection of each and counts who is left",
	"internal/demo listen":                 "Server.Close, through listener.cut",
	"internal/observe/loghandler newQueue": "Handler.Close, unless the writer hangs: then the process",
	"internal/web Server.Serve":            "Server.Close or Server.Shutdown close the listener, which ends the goroutine, and wait",
	"internal/procs Follow":                "the function that it returns cancels it and waits",
	"internal/timerslack restore":          "the function itself, which waits until each goroutine has a thread",
	"internal/workers Pool.Run":            "the function that it runs; a waiting worker by Pool.Stop",
	"internal/parking New":                 "Poller.Close wakes it for the last time",
	"internal/sockopt Listen":              "it only returns the configuration that Listener.openSocket listens with",
	"proxy Server.Serve":                   "Server.Shutdown closes ended, which both wait for",
	"proxy Server.Shutdown":                "the last session: Shutdown cuts all sessions off and waits",
	"internal/systemd NewSockets":          "the function itself, which closes each at once",
	"proxy Listener.openSocket":            "Server.Shutdown, or a reload that has no use for it",
	"internal/admin Listen":                "the web.Server that gets it",
	"internal/acme again":                  "Keeper.closeChallenges",
	"internal/acme Keeper.socket":          "Keeper.closeChallenges, or the Keeper that it passes it to",
	"internal/upgrade Start.Run":           "the end of the new process, or of this one",
	"internal/upgrade NewControl":          "Control.Close closes the listener",
	"internal/upgrade Control.open":        "Control.Close",
	"internal/upgrade Control.serve":       "the deadline of its connection, and the reply, for which Control.Close waits",
	"internal/upgrade Sockets.Listen":      "the web.Server that gets it",
	"internal/inventory Keep":              "Keeper.Close asks it to end and waits",
}

// notServed are tests and programs that only developers run.
var notServed = regexp.MustCompile(`^(attacks|bench|e2e|tools|internal/(dialog|test|demo/talk))(/|$)`)

func TestGoroutinesAndListenersHaveOwners(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch name := filepath.ToSlash(file); {
		case err != nil:
			return err
		case entry.IsDir() && (notServed.MatchString(name) || strings.HasPrefix(entry.Name(), ".") && name != "."):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			return findStarts(name, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range found {
		if owners[name] == "" {
			t.Errorf("%s starts a goroutine or a listener: say in owners what ends it", name)
		}
	}
	for name := range owners {
		if !found[name] {
			t.Errorf("%s starts nothing any more: take it out of owners", name)
		}
	}
}

// findStarts adds the functions of a file that start a goroutine or open a
// listener.
func findStarts(file string, found map[string]bool) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, declaration := range parsed.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if starts(n) {
				found[path.Dir(file)+" "+nameOf(f)] = true
			}
			return true
		})
	}
	return nil
}

// starts reports whether a node is a go statement, or names a function such as
// net.Listen or the type net.ListenConfig.
func starts(n ast.Node) bool {
	if _, ok := n.(*ast.GoStmt); ok {
		return true
	}
	named, ok := n.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := named.X.(*ast.Ident)
	name := named.Sel.Name
	return ok && from.Name == "net" && (strings.HasPrefix(name, "Listen") && name != "Listener" || name == "FileListener")
}

// nameOf is a function's name, with its receiver's type in front.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
