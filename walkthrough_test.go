package letterlock

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"testing"
)

var (
	walkRow  = regexp.MustCompile("(?m)^\\| `([^`]+\\.go)` \\| ([^|]+) \\|")
	walkName = regexp.MustCompile("`(\\w+)`")
)

// TestWalkthrough checks that the files and functions of docs/walkthrough.md exist.
func TestWalkthrough(t *testing.T) {
	rows := walkRow.FindAllStringSubmatch(read(t, "docs/walkthrough.md"), -1)
	if len(rows) < 20 {
		t.Fatalf("the page has %d rows", len(rows))
	}
	for _, row := range rows {
		declared := declarations(t, row[1])
		for _, name := range walkName.FindAllStringSubmatch(row[2], -1) {
			if !slices.Contains(declared, name[1]) {
				t.Errorf("%s does not declare %s", row[1], name[1])
			}
		}
	}
}

// declarations returns the names of the functions, methods and types of a file.
func declarations(t *testing.T, file string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names = append(names, d.Name.Name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					names = append(names, s.Name.Name)
				}
			}
		}
	}
	return names
}
