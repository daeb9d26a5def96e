package letterlock

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/architecture.svg and the tests in docs/attacks.md")

const (
	pictureText = "docs/architecture.txt"
	pictureFile = "docs/architecture.svg"
)

// box is a rectangle of the picture.
type box struct {
	name, text string
	patterns   []string
	packages   []string // that match the patterns
	row        int
	centre     float64 // in eighths of the width
}

type arrow struct{ from, to *box }

type picture struct {
	rows   int
	boxes  []*box
	arrows []arrow
}

// TestArchitecturePicture checks that the picture is drawn from its text, and
// that the text agrees with the imports of the packages.
func TestArchitecturePicture(t *testing.T) {
	p := readPicture(t)
	p.check(t)
	drawn := p.svg()
	if *update {
		if err := os.WriteFile(pictureFile, drawn, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(pictureFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, drawn) {
		t.Errorf("%s is out of date: run go test . -run TestArchitecturePicture -update", pictureFile)
	}
}

// readPicture reads the text; its first lines describe the format.
func readPicture(t *testing.T) *picture {
	t.Helper()
	text, err := os.ReadFile(pictureText)
	if err != nil {
		t.Fatal(err)
	}
	p := &picture{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		from, to, isArrow := strings.Cut(line, " -> ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "row":
			p.rows++
		case isArrow:
			p.arrows = append(p.arrows, arrow{p.named(t, from), p.named(t, to)})
		default:
			p.boxes = append(p.boxes, parseBox(t, line, p.rows-1))
		}
	}
	return p
}

func parseBox(t *testing.T, line string, row int) *box {
	t.Helper()
	fields := strings.Split(line, "|")
	if len(fields) != 4 {
		t.Fatalf("%s: %q is not a box", pictureText, line)
	}
	centre, err := strconv.ParseFloat(strings.TrimSpace(fields[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return &box{name: strings.TrimSpace(fields[0]), centre: centre, patterns: strings.Fields(fields[2]), text: strings.TrimSpace(fields[3]), row: row}
}

func (p *picture) named(t *testing.T, name string) *box {
	t.Helper()
	i := slices.IndexFunc(p.boxes, func(b *box) bool { return b.name == name })
	if i < 0 {
		t.Fatalf("%s: there is no box %q", pictureText, name)
	}
	return p.boxes[i]
}

// check compares boxes and arrows with the imports.
func (p *picture) check(t *testing.T) {
	t.Helper()
	imports := map[string][]string{}
	for _, each := range packages(t) {
		imports[strings.TrimPrefix(each.ImportPath, module)] = each.Imports
	}
	for _, b := range p.boxes {
		b.expand(t, imports)
	}
	for _, b := range p.boxes {
		for _, other := range p.boxes {
			if b != other && b.imports(other, imports) && !p.reaches(b, other) {
				t.Errorf("%s: %s imports from %s, and no arrow says so", pictureText, b.name, other.name)
			}
		}
	}
	for _, a := range p.arrows {
		if !a.from.imports(a.to, imports) {
			t.Errorf("%s: %s imports nothing from %s", pictureText, a.from.name, a.to.name)
		}
		if p.reaches(a.to, a.from) {
			t.Errorf("%s: the arrow from %s to %s closes a circle", pictureText, a.from.name, a.to.name)
		}
	}
}

// expand replaces the patterns of a box by the packages that they match.
func (b *box) expand(t *testing.T, imports map[string][]string) {
	t.Helper()
	for _, pattern := range b.patterns {
		top, below := strings.CutSuffix(pattern, "/...")
		if _, ok := imports[top]; !ok {
			t.Errorf("%s: there is no package %s", pictureText, top)
		}
		for pkg := range imports {
			if pkg == top || below && strings.HasPrefix(pkg, top+"/") {
				b.packages = append(b.packages, pkg)
			}
		}
	}
}

func (b *box) imports(other *box, imports map[string][]string) bool {
	return slices.ContainsFunc(b.packages, func(pkg string) bool {
		return slices.ContainsFunc(other.packages, func(imported string) bool {
			return slices.Contains(imports[pkg], module+imported)
		})
	})
}

// reaches reports whether a path of arrows leads from one box to another.
func (p *picture) reaches(from, to *box) bool {
	return slices.ContainsFunc(p.arrows, func(a arrow) bool {
		return a.from == from && (a.to == to || p.reaches(a.to, to))
	})
}

// The measures of the picture, in pixels.
const (
	pictureWidth = 1000
	boxWidth     = 224
	boxHeight    = 82
	rowHeight    = 122
	margin       = 16
)

func (b *box) x() float64 { return b.centre * pictureWidth / 8 }
func (b *box) y() int     { return margin + b.row*rowHeight }

// port returns where the arrow begins or ends at a box: the arrows of a side are
// spread over it, in the order of their other ends.
func (p *picture) port(b *box, a arrow, other func(arrow) *box, this func(arrow) *box) float64 {
	var ends []float64
	for _, each := range p.arrows {
		if this(each) == b {
			ends = append(ends, other(each).x())
		}
	}
	slices.Sort(ends)
	i := slices.Index(ends, other(a).x())
	return b.x() + boxWidth*0.8*(float64(2*i+1)/float64(2*len(ends))-0.5)
}

func (p *picture) svg() []byte {
	var out bytes.Buffer
	height := (p.rows-1)*rowHeight + boxHeight + 2*margin
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img">`+"\n", pictureWidth, height)
	out.WriteString("<title>The packages of Letterlock; an arrow means: imports</title>\n" +
		`<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b6b7b"/></marker></defs>` + "\n" +
		`<rect width="100%" height="100%" fill="#ffffff"/>` + "\n")
	from, to := func(a arrow) *box { return a.from }, func(a arrow) *box { return a.to }
	for _, a := range p.arrows {
		fmt.Fprintf(&out, `<line x1="%.0f" y1="%d" x2="%.0f" y2="%d" stroke="#5b6b7b" stroke-width="1.5" marker-end="url(#head)"/>`+"\n",
			p.port(a.from, a, to, from), a.from.y()+boxHeight, p.port(a.to, a, from, to), a.to.y())
	}
	for _, b := range p.boxes {
		b.draw(&out)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (b *box) draw(out *bytes.Buffer) {
	fmt.Fprintf(out, `<rect x="%.0f" y="%d" width="%d" height="%d" rx="6" fill="#eef4fb" stroke="#2f5d8a"/>`+"\n", b.x()-boxWidth/2, b.y(), boxWidth, boxHeight)
	bold := wrapped(strings.Join(b.patterns, ", "), 28)
	lines := append(slices.Clone(bold), wrapped(b.text, 30)...)
	for i, line := range lines {
		weight := "normal"
		if i < len(bold) {
			weight = "bold"
		}
		y := float64(b.y()) + boxHeight/2 + 5 + (float64(i)-float64(len(lines)-1)/2)*16
		fmt.Fprintf(out, `<text x="%.0f" y="%.0f" text-anchor="middle" font-weight="%s">%s</text>`+"\n", b.x(), y, weight, html.EscapeString(line))
	}
}

// wrapped breaks a text into lines of at most so many characters.
func wrapped(text string, most int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= most:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
