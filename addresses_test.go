package letterlock

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Tests listen on an address of their own, by internal/test/loopback. On 127.0.0.1 a
// client of another package's test could reach them, or take the port of a server that
// is down.
func TestTestsListenOnTheirOwnAddress(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if listensForAll(n) {
					t.Errorf("%s: %s listens on 127.0.0.1: use internal/test/loopback", p.ImportPath, name)
				}
				return true
			})
		}
	}
}

// listensForAll reports a call of net.Listen or net.ListenPacket with a port of
// 127.0.0.1.
func listensForAll(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 2 {
		return false
	}
	named, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || named.Sel.Name != "Listen" && named.Sel.Name != "ListenPacket" {
		return false
	}
	from, isPackage := named.X.(*ast.Ident)
	address, isText := call.Args[1].(*ast.BasicLit)
	return isPackage && from.Name == "net" && isText && strings.HasPrefix(address.Value, `"127.0.0.1:`)
}
