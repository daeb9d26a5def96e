package browser

import (
	"bytes"
	"context"
	"encoding/base64"
	"flag"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var update = flag.Bool("update", false, "write the screenshots of the documentation")

// run runs steps in the browser.
func run(t *testing.T, tab context.Context, steps ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

// value returns the value of an expression.
func value[T any](t *testing.T, tab context.Context, expression string) (v T) {
	t.Helper()
	run(t, tab, chromedp.Evaluate(expression, &v))
	return v
}

// until waits until an expression is true.
func until(t *testing.T, tab context.Context, expression string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !value[bool](t, tab, expression); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s stays false; the focus is on %q, and the search is for %q", expression,
				value[string](t, tab, `document.activeElement.id`), value[string](t, tab, `document.getElementById("q").value`))
		}
	}
}

// The page shows hostile names as text, follows changes, and can be used by the
// keyboard alone, at the size of a desk and of a phone.
func TestPage(t *testing.T) {
	o, tab := newOffice(t), chromium(t)
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+password))
	run(t, tab, network.Enable(), network.SetExtraHTTPHeaders(network.Headers{"Authorization": login}),
		page.BringToFront(), emulation.SetFocusEmulationEnabled(true)) // the page is not live in a hidden tab
	var faults []string
	chromedp.ListenTarget(tab, func(event any) {
		if e, ok := event.(*runtime.EventExceptionThrown); ok {
			faults = append(faults, e.ExceptionDetails.Text)
		}
	})
	for _, size := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"desk", 1280, 900, false}, {"phone", 390, 844, true}} {
		scheme := map[bool]string{true: "dark", false: "light"}[size.dark]
		run(t, tab,
			chromedp.EmulateViewport(size.width, size.height),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
			chromedp.Navigate(o.url), chromedp.WaitReady(`html[data-connected="yes"]`, chromedp.ByQuery))
		if title := value[string](t, tab, `document.title`); title != "Letterlock · mail.example.com" {
			t.Errorf("%s: the title is %q", size.name, title)
		}
		if wide := value[int64](t, tab, `document.documentElement.scrollWidth`); wide > size.width {
			t.Errorf("%s: the page is %d pixels wide", size.name, wide)
		}
		if n := value[int](t, tab, `document.querySelectorAll("main script, main img, main [onerror], main [onfocus]").length`); n != 0 {
			t.Errorf("%s: %d elements come from names", size.name, n)
		}
		if text := value[string](t, tab, `document.getElementById("open").textContent`); !strings.Contains(text, hostile[0]) || strings.ContainsAny(text, "\u202e\x1b\x00") {
			t.Errorf("%s: the names are %q", size.name, text)
		}
		if unnamed := value[int](t, tab, `[...document.querySelectorAll("button, input, select, svg[role=img]")].filter(e => !(e.ariaLabel || e.labels?.length || e.textContent.trim())).length`); unnamed != 0 {
			t.Errorf("%s: %d elements have no name for a screen reader", size.name, unnamed)
		}
		screenshot(t, tab, size.name)
	}
	keyboard(t, tab, o)
	if len(faults) > 0 {
		t.Errorf("the script fails: %q", faults)
	}
}

// keyboard searches for a session and ends it, without a mouse.
func keyboard(t *testing.T, tab context.Context, o *office) {
	t.Helper()
	// chromedp types the letter of a key although the page has handled the key.
	run(t, tab, chromedp.KeyEvent("/"), chromedp.Evaluate(`document.getElementById("q").value = ""`, nil), chromedp.KeyEvent("alice"))
	until(t, tab, `document.querySelectorAll("#open tbody tr").length === 1`)
	if at := value[string](t, tab, `document.activeElement.id`); at != "q" {
		t.Fatalf("the focus is on %q", at)
	}
	for tries := 0; !strings.HasPrefix(value[string](t, tab, `document.activeElement.id`), "kick-"); tries++ {
		if tries > 60 {
			t.Fatal("the button cannot be reached by the key Tab")
		}
		run(t, tab, chromedp.KeyEvent(kb.Tab))
	}
	run(t, tab, chromedp.KeyEvent(kb.Enter))
	until(t, tab, `document.getElementById("said").textContent.endsWith("done.")`)
	until(t, tab, `document.querySelectorAll("#open tbody tr").length === 0`)
	want := "/v1/kick?id=session" + string(rune('a'+slices.Index(hostile, "alice@example.com")))
	if got := o.actions(); !slices.Equal(got, []string{want}) {
		t.Errorf("the page sends %q, want %q", got, want)
	}
}

// screenshot writes a picture of the top of the page, if that is asked for.
func screenshot(t *testing.T, tab context.Context, name string) {
	t.Helper()
	var picture []byte
	run(t, tab, chromedp.CaptureScreenshot(&picture))
	if _, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if *update {
		if err := os.WriteFile("../../docs/status-"+name+".png", picture, 0o644); err != nil { //nolint:gosec // a picture that all users may read
			t.Fatal(err)
		}
	}
}
