package idn

import (
	"strings"
	"testing"
)

func TestForms(t *testing.T) {
	for name, want := range map[string]struct{ folded, exact string }{
		"example.com":                                 {"example.com", "example.com"},
		"EXAMPLE.com.":                                {"example.com", "example.com"},
		"under_score.example":                         {"under_score.example", "under_score.example"},
		"r3---sn.example":                             {"r3---sn.example", "r3---sn.example"},
		"xn--BCHER-KVA.example":                       {"xn--bcher-kva.example", "xn--bcher-kva.example"},
		"b\u00fccher.example":                         {"xn--bcher-kva.example", "xn--bcher-kva.example"},
		"B\u00dcCHER.Example.":                        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
		"b\u00fccher.xn--bcher-kva":                   {"xn--bcher-kva.xn--bcher-kva", "xn--bcher-kva.xn--bcher-kva"},
		"stra\u00dfe.example":                         {"xn--strae-oqa.example", "xn--strae-oqa.example"},
		"\u043f\u043e\u0447\u0442\u0430.\u0440\u0444": {"xn--80a1acny.xn--p1ai", "xn--80a1acny.xn--p1ai"},
		"bu\u0308cher.example":                        {"xn--bcher-kva.example", ""}, // not composed
		"\uff45xample.com":                            {"example.com", ""},           // full width
		"b\u00fccher\u3002example":                    {"xn--bcher-kva.example", ""}, // an ideographic full stop
		"ban\u212a.example":                           {"bank.example", ""},          // the Kelvin sign
		"po\u017ft.example":                           {"post.example", ""},          // the long s
		"b\u00fc cher.example":                        {"", ""},
		"b\u00fc..example":                            {"", ""},
		"\u00fc" + strings.Repeat("x", 70):            {"", ""},
		"\xff.example":                                {"", ""},
		"":                                            {"", ""},
	} {
		folded, err := Fold(name)
		if folded != want.folded || (err != nil) != (want.folded == "" && name != "") {
			t.Errorf("%q folds to %q, %v", name, folded, err)
		}
		if exact, ok := Exact(name); ok != (want.exact != "" || name == "") || ok && exact != want.exact {
			t.Errorf("%q is exactly %q, %t", name, exact, ok)
		}
	}
	if got := FoldOr("\u00fc A."); got != "\u00fc a" {
		t.Errorf("%q", got)
	}
}

func TestParent(t *testing.T) {
	for host, want := range map[string]string{
		"mail.example.com": "example.com", "a.b.example.com": "b.example.com", "mail.home.lan": "home.lan", "mail.example.co.uk": "example.co.uk",
		"example.com": "", "example.co.uk": "", "alice.github.io": "", "mail.lan": "", "pc": "", "": "", "xn--bcher-kva.xn--55qx5d.cn": "", "a.city.kawasaki.jp": "city.kawasaki.jp",
	} {
		if got := Parent(host); got != want {
			t.Errorf("%s: %q", host, got)
		}
	}
}

// Whatever the name, its form is ASCII, and Fold returns that form unchanged.
func FuzzFold(f *testing.F) {
	for _, name := range []string{"example.com.", "b\u00fccher.example", "xn--bcher-kva", "\uff45", "a..b", "\u212a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded, err := Fold(name)
		if err != nil {
			return
		}
		if !isASCII(folded) {
			t.Fatalf("%q folds to %q", name, folded)
		}
		if again, err := Fold(folded); err != nil || again != folded && !strings.HasSuffix(folded, ".") {
			t.Fatalf("%q folds to %q and that to %q, %v", name, folded, again, err)
		}
		if exact, ok := Exact(name); ok && exact != folded {
			t.Fatalf("%q is exactly %q and folds to %q", name, exact, folded)
		}
	})
}
