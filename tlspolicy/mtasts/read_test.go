package mtasts

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseRecords(t *testing.T) {
	for name, tt := range map[string]struct {
		texts []string
		want  string
	}{
		"one":                {[]string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
		"among others":       {[]string{"v=spf1 -all", "v=STSv1;id=1"}, "1"},
		"unknown fields":     {[]string{"v=STSv1; x=y; id=1; z"}, "1"},
		"two":                {[]string{"v=STSv1; id=1", "v=STSv1; id=1"}, ""},
		"none":               {nil, ""},
		"no ID":              {[]string{"v=STSv1;"}, ""},
		"an ID too long":     {[]string{"v=STSv1; id=" + strings.Repeat("a", 33)}, ""},
		"an ID with a slash": {[]string{"v=STSv1; id=a/b"}, ""},
		"another version":    {[]string{"v=STSv10; id=1"}, ""},
	} {
		if id, found := ParseRecords(tt.texts); id != tt.want || found != (tt.want != "") {
			t.Errorf("%s: %q, %t", name, id, found)
		}
	}
}

func TestParse(t *testing.T) {
	const good = "version: STSv1\nmode: enforce\nmx: Mail.example.com\nmx:*.example.net\nmax_age: 604800\n"
	p, err := Parse(good)
	if err != nil || p.Mode != "enforce" || p.MaxAge != 7*24*time.Hour || strings.Join(p.MX, " ") != "mail.example.com *.example.net" {
		t.Errorf("%+v, %v", p, err)
	}
	for text, want := range map[string]error{
		strings.ReplaceAll(good, "\n", "\r\n"):                           nil,
		good + "mode: none\nunknown: x\nno colon\n":                      nil,
		"version: STSv1\nmode: none\nmax_age: 0":                         nil,
		"":                                                               errVersion,
		strings.Replace(good, "STSv1", "STSv2", 1):                       errVersion,
		strings.Replace(good, "enforce", "Enforce", 1):                   errMode,
		strings.Replace(good, "604800", "", 1):                           errMaxAge,
		strings.Replace(good, "604800", "1 week", 1):                     errMaxAge,
		strings.Replace(good, "604800", "+1", 1):                         errMaxAge,
		strings.Replace(good, "604800", "-1", 1):                         errMaxAge,
		strings.Replace(good, "max_age", "maxage", 1):                    errMaxAge,
		"version: STSv1\nmode: testing\nmax_age: 1":                      errMX,
		"version: STSv1\nmode: enforce\nmx: *\nmx: a b\nmx:\nmax_age: 1": errMX,
		good + strings.Repeat("x: y\n", MaxText/len("x: y")):             nil,
	} {
		_, err := Parse(text)
		if len(text) > MaxText {
			if err == nil {
				t.Error("a text that is too long")
			}
		} else if !errors.Is(err, want) {
			t.Errorf("%.80q: %v, want %v", text, err, want)
		}
	}
}

// TestParseIgnoresBadLines checks that an invalid line does not affect the
// others.
func TestParseIgnoresBadLines(t *testing.T) {
	const good = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n"
	for name, tt := range map[string]struct {
		text, mx string
		age      time.Duration
	}{
		"a star":               {strings.Replace(good, "*.example.net", "*", 1), "mail.example.com", 168 * time.Hour},
		"a star in the middle": {strings.Replace(good, "*.example.net", "a.*.b", 1), "mail.example.com", 168 * time.Hour},
		"blanks":               {strings.Replace(good, "*.example.net", "a b", 1), "mail.example.com", 168 * time.Hour},
		"a URL":                {"mx: https://a.example/\n" + good, "mail.example.com *.example.net", 168 * time.Hour},
		"nothing":              {"mx:\n" + good, "mail.example.com *.example.net", 168 * time.Hour},
		"a long time":          {strings.Replace(good, "604800", "31557601", 1), "mail.example.com *.example.net", maxMaxAge * time.Second},
		"for ever":             {strings.Replace(good, "604800", strings.Repeat("9", 100), 1), "mail.example.com *.example.net", maxMaxAge * time.Second},
		"as long as may be":    {strings.Replace(good, "604800", "31557600", 1), "mail.example.com *.example.net", maxMaxAge * time.Second},
		"none":                 {"version: STSv1\nmode: none\nmx: *\nmax_age: 604800", "", 168 * time.Hour},
	} {
		p, err := Parse(tt.text)
		if err != nil || strings.Join(p.MX, " ") != tt.mx || p.MaxAge != tt.age {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if p, err := Parse(good + strings.Repeat("mx: a.example\n", maxMX)); err != nil || len(p.MX) != maxMX {
		t.Errorf("%d hosts, %v", len(p.MX), err)
	}
}

// TestParseReadsText checks that Parse reads the policies that Text writes.
func TestParseReadsText(t *testing.T) {
	for _, mode := range []string{"enforce", "testing", "none"} {
		want := policy(mode)
		got, err := Parse(want.Text())
		if err != nil || got.Text() != want.Text() {
			t.Errorf("%+v, %v", got, err)
		}
		record := want.Record("example.com")
		text := record[strings.Index(record, `"`)+1 : len(record)-1]
		if id, found := ParseRecords([]string{text}); !found || id != want.ID() {
			t.Errorf("%s: %s", record, id)
		}
	}
	if RecordName("a.example") != "_mta-sts.a.example" || URL("a.example") != "https://mta-sts.a.example/.well-known/mta-sts.txt" {
		t.Error(URL("a.example"))
	}
}

func TestMatches(t *testing.T) {
	p := Policy{MX: []string{"mail.example.com", "*.example.net"}}
	for host, want := range map[string]bool{
		"mail.example.com": true, "MAIL.example.com.": true, "a.example.net": true,
		"a.b.example.net": false, "example.net": false, "example.com": false, "x.mail.example.com": false, "": false,
	} {
		if p.Matches(host) != want {
			t.Errorf("%s: %t", host, !want)
		}
	}
}

// FuzzParse checks that an accepted policy, written by Text, is parsed as the
// same policy.
func FuzzParse(f *testing.F) {
	f.Add("version: STSv1\r\nmode: enforce\r\nmx: a.example\r\nmax_age: 1\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(p.Text()); err != nil || again.Mode != p.Mode || again.MaxAge != p.MaxAge {
			t.Errorf("%+v, and then %+v, %v", p, again, err)
		}
	})
}
