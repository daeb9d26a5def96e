//go:build linux

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testChart() *Chart {
	return &Chart{
		Title: "A <day>", Length: time.Minute,
		Marks: []Mark{{Name: "flood", From: 10 * time.Second, To: 20 * time.Second}},
		Panels: []Panel{{Name: "CPU & more", Unit: "%", Lines: []Line{
			{Name: "Own", Points: []Point{{0, 1}, {time.Minute, 37}}}, {Name: "Peer"},
		}}, {Name: "empty"}},
	}
}

func TestChart(t *testing.T) {
	var out bytes.Buffer
	if err := testChart().SVG(&out); err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{">40.0<", ">flood<", ">Peer<", `points="70,`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %s in %s", want, out.String())
		}
	}
}

func TestWriteDay(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "performance.md")
	if err := os.WriteFile(page, []byte("before\n"+dayMarks.begin+"old\n"+dayMarks.end+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteDay(dir, Run{Command: "bench -day"}, testTable(), testChart()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil || !strings.HasPrefix(string(text), "before\n"+dayMarks.begin+"Made by `bench -day`") || !strings.HasSuffix(string(text), dayMarks.end+"after\n") {
		t.Errorf("%s, %v", text, err)
	}
	if !strings.Contains(string(text), "](day.svg)") {
		t.Error("the page does not show the chart")
	}
	for _, name := range []string{"day.csv", "day.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
