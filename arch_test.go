// Package letterlock contains only tests of the whole tree: its imports, words,
// documents and goroutines.
package letterlock

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/letterlock/letterlock/"

// mayImport lists for each package which packages of this module it may import. A
// protocol uses no sockets, clocks or logs. The proxy has these, and imports no
// protocol. internal/app connects both, and only commands and tests import it.
var mayImport = map[string][]string{
	"configs":              {"internal/idn", "internal/relayauth", "tlspolicy", "tlspolicy/outbound", "internal/filemode", "internal/lookup", "internal/routes"},
	"tlspolicy":            {},
	"internal/certs":       {"internal/statefile", "tlspolicy"},
	"internal/acme":        {"tlspolicy", "internal/certs", "internal/dnsupdate", "internal/web"},
	"internal/dnsupdate":   {"internal/resolver", "tlspolicy/dane"},
	"tlspolicy/tickets":    {"tlspolicy"},
	"internal/cluster":     {},
	"internal/inventory":   {"tlspolicy", "internal/limit", "internal/statefile"},
	"internal/statefile":   {},
	"internal/filemode":    {},
	"internal/limit":       {},
	"internal/parking":     {},
	"internal/workers":     {},
	"internal/sockopt":     {},
	"internal/spool":       {"internal/gate"},
	"internal/procs":       {},
	"internal/timerslack":  {},
	"internal/watch":       {},
	"internal/web":         {"internal/limit"},
	"internal/autoconfig":  {"internal/idn", "internal/limit"},
	"internal/routes":      {"internal/idn"},
	"internal/lookup":      {},
	"internal/socketio":    {},
	"internal/wire":        {"internal/socketio"},
	"internal/gate":        {"internal/wire"},
	"internal/clienthello": {},
	"internal/health":      {},
	"proxy":                {"internal/clienthello", "internal/gate", "internal/limit", "internal/observe", "internal/observe/loghandler", "internal/parking", "internal/record", "internal/sockopt", "internal/spool", "internal/upstream", "internal/upstream/proxyheader", "internal/upstream/reversedns", "internal/wire", "internal/workers", "tlspolicy"},
	"smtp":                 {"internal/gate", "internal/idn", "internal/wire", "smtp/syntax", "tlspolicy"},
	"smtp/smarthost":       {"internal/devices", "internal/gate", "internal/idle", "internal/idn", "internal/nexthop", "internal/relayauth", "internal/wire", "smtp/syntax", "tlspolicy/outbound"},
	"smtp/syntax":          {"internal/gate", "internal/wire"},
	"imap":                 {"internal/gate", "internal/wire", "tlspolicy"},
	"pop3":                 {"internal/gate", "internal/wire", "tlspolicy"},
	"sieve":                {"internal/gate", "internal/wire", "tlspolicy"},
	"tlspolicy/dane":       {},
	"tlspolicy/mtasts":     {},
	"tlspolicy/outbound":   {"tlspolicy", "tlspolicy/dane", "tlspolicy/mtasts"},
	"internal/app": {
		"configs", "imap", "internal/access", "internal/acme", "internal/acme/rollover", "internal/admin", "internal/certs", "internal/devices", "internal/dnsupdate", "internal/egress", "internal/explain", "internal/gate", "internal/health", "internal/idle", "internal/idn", "internal/inventory", "internal/autoconfig", "internal/tlsreport/days", "internal/tlsreport/send",
		"internal/limit", "internal/nexthop", "internal/notice", "internal/observe", "internal/observe/history", "internal/observe/loghandler", "internal/oauth", "internal/observe/page", "internal/observe/timeline", "internal/probe", "internal/record", "internal/relayauth", "internal/resolver",
		"internal/lookup", "internal/routes", "internal/sts", "internal/systemd", "internal/tlsreport", "internal/upgrade", "internal/upstream", "internal/upstream/proxyheader", "internal/watch", "internal/web", "internal/whatif",
		"internal/wire", "pop3", "proxy", "sieve", "smtp", "smtp/smarthost", "tlspolicy", "tlspolicy/mtasts", "tlspolicy/outbound",
		"tlspolicy/tickets", "internal/cluster", "internal/scan",
	},
	"internal/notice":               {"internal/statefile"},
	"internal/access":               {"internal/devices"},
	"internal/whatif":               {"internal/inventory", "internal/observe", "internal/yamltext", "tlspolicy"},
	"internal/observe/timeline":     {"internal/gate", "internal/observe", "internal/statefile"},
	"internal/explain":              {"internal/gate", "internal/inventory", "internal/limit", "internal/observe", "internal/observe/history", "tlspolicy"},
	"internal/admin":                {"internal/explain", "internal/gate", "internal/health", "internal/observe", "internal/record", "internal/web", "tlspolicy"},
	"internal/acme/rollover":        {"internal/acme", "internal/dnsupdate", "tlspolicy/dane"},
	"internal/records":              {"configs", "internal/resolver", "tlspolicy/mtasts"},
	"packaging":                     {},
	"internal/systemd":              {},
	"internal/upgrade":              {},
	"internal/privilege":            {},
	"internal/mailclient":           {},
	"internal/probe":                {"internal/gate", "internal/idn", "internal/mailclient"},
	"internal/observe":              {"internal/gate", "internal/observe/loghandler", "internal/wire", "tlspolicy"},
	"internal/egress":               {},
	"internal/devices":              {"internal/idn"},
	"internal/idle":                 {"internal/wire"},
	"internal/tlsreport":            {"internal/resolver", "tlspolicy/mtasts", "tlspolicy/outbound"},
	"internal/tlsreport/days":       {"internal/statefile", "internal/tlsreport"},
	"internal/tlsreport/send":       {"internal/tlsreport", "internal/tlsreport/days"},
	"internal/relayauth":            {},
	"internal/oauth":                {"internal/statefile"},
	"internal/importer":             {"configs", "internal/yamltext", "tlspolicy"},
	"internal/survey":               {"internal/mailclient", "tlspolicy"},
	"internal/yamltext":             {},
	"internal/idn":                  {},
	"internal/nexthop":              {"internal/egress", "internal/relayauth", "internal/resolver", "tlspolicy", "tlspolicy/dane", "tlspolicy/mtasts", "tlspolicy/outbound"},
	"internal/scan":                 {"internal/mailclient", "internal/resolver", "tlspolicy"},
	"internal/guideline":            {"internal/scan", "tlspolicy"},
	"internal/resolver":             {},
	"internal/sts":                  {"internal/egress", "internal/resolver", "internal/statefile", "tlspolicy/mtasts"},
	"internal/test/pebble":          {},
	"internal/test/authority":       {},
	"internal/test/mta":             {"internal/mailclient"},
	"internal/test/nameserver":      {"internal/test/loopback"},
	"internal/test/guide":           {},
	"internal/test/guide/script":    {"internal/test/guide"},
	"internal/test/gatetest":        {"internal/gate", "internal/wire"},
	"internal/test/wait":            {},
	"internal/test/loopback":        {},
	"internal/test/redis":           {"internal/test/loopback"},
	"internal/test/usage":           {},
	"internal/dialog":               {"internal/gate", "internal/observe", "internal/test/authority", "internal/test/loopback", "internal/upstream", "internal/wire", "proxy", "tlspolicy"},
	"internal/demo/talk":            {"internal/test/loopback"},
	"e2e/world":                     {"internal/test/loopback"},
	"attacks":                       {}, // only tests, which may import every package
	"attacks/flood":                 {},
	"attacks/mutants":               {},
	"deploy/compose":                {},
	"bench":                         {"bench/backend", "bench/floor", "bench/load", "bench/measure", "bench/peers", "bench/report"},
	"bench/backend":                 {},
	"bench/floor":                   {"bench/backend"},
	"bench/load":                    {},
	"bench/measure":                 {},
	"bench/peers":                   {"bench/backend"},
	"bench/report":                  {},
	"internal/observe/history":      {"internal/gate", "internal/limit", "internal/observe", "tlspolicy"},
	"internal/observe/page":         {"internal/access", "internal/admin", "internal/gate", "internal/health", "internal/observe", "internal/observe/history", "internal/observe/loghandler", "internal/observe/timeline", "internal/upstream", "internal/web", "internal/whatif", "internal/wire", "tlspolicy"},
	"internal/upstream":             {"internal/gate", "internal/sockopt", "internal/limit", "internal/upstream/proxyheader", "internal/wire"},
	"internal/upstream/proxyheader": {"internal/gate", "internal/wire", "tlspolicy"},
	"internal/upstream/reversedns":  {"internal/gate", "internal/limit"},
	"internal/observe/loghandler":   {"internal/limit"},
	"internal/record":               {"internal/gate", "internal/observe", "internal/wire", "tlspolicy"},
}

// protocols lists the protocol packages. They import no package of protocolsImportNo.
var protocols = []string{"smtp", "smtp/smarthost", "smtp/syntax", "imap", "pop3", "sieve"}

// protocolsImportNo lists the packages of sockets, clocks and logs.
var protocolsImportNo = []string{"net", "os", "time", "log/slog", "log"}

// policiesImportNo lists the packages that open sockets and files, run programs, or
// log. tlspolicy and the packages below it import none of them.
var policiesImportNo = []string{"net", "net/http", "os", "os/exec", "io/ioutil", "log", "log/slog", "syscall"}

type listed struct {
	Dir          string
	ImportPath   string
	Imports      []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(path, "cmd/") || path == strings.TrimSuffix(module, "/") {
			continue
		}
		allowed, known := mayImport[path]
		for _, imported := range p.Imports {
			own, ours := strings.CutPrefix(imported, module)
			switch {
			case !ours && slices.Contains(protocols, path) && slices.Contains(protocolsImportNo, imported):
				t.Errorf("%s is a protocol and must not import %s", path, imported)
			case !ours || !known && strings.HasPrefix(own, path+"/"):
			case !known && strings.HasPrefix(path, "internal/demo"):
				// The demo's servers share only the reading of lines with the proxy.
				if !strings.HasPrefix(own, "internal/demo/") && own != "internal/wire" {
					t.Errorf("the demo servers must not import %s", own)
				}
			case !known:
				t.Errorf("%s is a new package: add it and its imports to mayImport", path)
			case !slices.Contains(allowed, own):
				t.Errorf("%s must not import %s", path, own)
			}
		}
	}
}

// tlspolicy and the packages below it have only values: no socket, no file, no
// goroutine, no timer.
func TestPoliciesAreValues(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if path != "tlspolicy" && !strings.HasPrefix(path, "tlspolicy/") {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(policiesImportNo, imported) {
				t.Errorf("%s has only values and must not import %s", path, imported)
			}
		}
		for _, name := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if runs(n) {
					t.Errorf("%s/%s must not start a goroutine or a timer, because tlspolicy has only values", path, name)
				}
				return true
			})
		}
	}
}

// assembled lists the types of package proxy that make up a server.
var assembled = []string{"Server", "Generation", "Listener"}

// Only internal/app assembles a server, so that the tests of a server and the
// benchmarks run what the command serve runs. There are two exceptions: the tests of
// proxy, whose gate is simpler than a protocol, and the dialogs, which the tests of
// the protocols run: these cannot import internal/app, because it imports them.
func TestOnlyAppAssemblesServers(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if path == "internal/app" || path == "proxy" || path == "internal/dialog" {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if part, ok := partOfServer(n); ok {
					t.Errorf("%s/%s makes a proxy.%s: use internal/app", path, name, part)
				}
				return true
			})
		}
	}
}

// partOfServer returns the type of a composite literal of package proxy that is a
// part of a server.
func partOfServer(n ast.Node) (part string, ok bool) {
	literal, ok := n.(*ast.CompositeLit)
	if !ok {
		return "", false
	}
	named, ok := literal.Type.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	from, ok := named.X.(*ast.Ident)
	return named.Sel.Name, ok && from.Name == "proxy" && slices.Contains(assembled, named.Sel.Name)
}

// runs reports whether a node is a go statement, a call of sync.WaitGroup.Go, or
// names one of time's functions that start a timer or wait.
func runs(n ast.Node) bool {
	if _, ok := n.(*ast.GoStmt); ok {
		return true
	}
	named, ok := n.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := named.X.(*ast.Ident)
	return named.Sel.Name == "Go" ||
		ok && from.Name == "time" && slices.Contains([]string{"After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}, named.Sel.Name)
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=Dir,ImportPath,Imports,GoFiles,TestGoFiles,XTestGoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
