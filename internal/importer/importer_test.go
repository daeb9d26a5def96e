package importer

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/routes"
)

var update = flag.Bool("update", false, "write the golden files anew")

// cases are the directories of testdata, and what the command line adds.
var cases = map[string]Options{
	"stunnel-mail":        {},
	"stunnel-chain":       {Hostname: "mail.example.com"},
	"stunnel-old":         {KeepWeak: true},
	"nginx-mail":          {Backend: "10.0.0.5"},
	"nginx-auth":          {},
	"nginx-stream":        {},
	"haproxy-offload":     {},
	"haproxy-passthrough": {Recipients: []string{"example.com"}},
	"perdition":           {Routes: "users.routes"},
	"dovecot-2.2":         {},
	"dovecot-2.3":         {},
	"dovecot-2.4":         {KeepWeak: true},
	"postfix":             {Backend: "127.0.0.1"},
	"postfix-main":        {Backend: "10.0.0.5:25"},
	"haproxy-old":         {},
	"nginx-include":       {Backend: "10.0.0.5"},
	"postfix-old":         {Backend: "10.0.0.5"},
}

// Each example becomes the golden configuration, which passes the check, and the
// golden notes.
func TestExamples(t *testing.T) {
	for name, o := range cases {
		t.Run(name, func(t *testing.T) {
			o.Machine = "mail.example.com"
			imported, err := Read(filesIn(t, name), o)
			if err != nil {
				t.Fatal(err)
			}
			text := imported.YAML()
			golden(t, filepath.Join("testdata", name, "want.yaml"), text)
			var notes strings.Builder
			for _, n := range imported.Notes {
				notes.WriteString(n.String() + "\n")
			}
			golden(t, filepath.Join("testdata", name, "want.notes.txt"), notes.String())
			if _, err := configs.Elsewhere("mail.example.com").Parse("letterlock.yaml", []byte(text)); err != nil {
				t.Errorf("the configuration does not pass the check:\n%v", err)
			}
			if imported.Routes != "" {
				golden(t, filepath.Join("testdata", name, "want.routes.txt"), imported.Routes)
				if _, err := routes.Parse("users.routes", imported.Routes, func(string) error { return nil }); err != nil {
					t.Error(err)
				}
			}
			if strings.Contains(text+notes.String(), "geheim") {
				t.Error("a password is shown")
			}
		})
	}
}

func filesIn(t *testing.T, name string) (files []File) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "want.") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("testdata", name, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File{e.Name(), text})
	}
	return files
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s", path, got)
	}
}

// A file that cannot be imported is refused with its line.
func TestBadInput(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"stunnel.conf", "[imaps\n", "stunnel.conf:1: the name of a section has no ]"},
		{"stunnel.conf", "cert = a.pem\n[imaps]\naccept 993\n", "stunnel.conf:3: this is neither an option with = nor a section"},
		{"stunnel.conf", "[imaps]\naccept = 993\nconnect = 143\nsslVersionMin = TLSv9\n", `stunnel.conf:4: "TLSv9" is not a version of TLS`},
		{"stunnel.conf", "[web]\naccept = 443\nconnect = 80\n", "stunnel.conf: it has no mail service to import; stunnel.conf:1: [web]: not carried over"},
		{"stunnel.conf", "a = b\x00\n", "stunnel.conf:1: the line is not UTF-8 text"},
		{"stunnel.conf", "a = b\xff\n", "stunnel.conf:1: the line is not UTF-8 text"},
		{"nginx.conf", "mail {\n  server {\n    listen 143\n  }\n}\n", `nginx.conf:3: the setting "listen" has no ;`},
		{"nginx.conf", "mail {\n  server {\n", `nginx.conf:2: the block "server" has no }`},
		{"nginx.conf", "mail { }\n}\n", "nginx.conf:2: a } ends no block"},
		{"nginx.conf", "mail { server_name \"a;\n } \n", "nginx.conf:1: the quote \" has no end"},
		{"nginx.conf", "mail {\n server {\n  listen 143;\n  protocol imap;\n }\n}\n", "nginx.conf:3: it names no backend: name the mail server with --backend HOST"},
		{"nginx.conf", strings.Repeat("mail {", 100) + strings.Repeat("}", 100), "nginx.conf:1: there are more than 20 blocks in each other"},
		{"haproxy.cfg", "bind :993\n", "haproxy.cfg:1: the line is in no section"},
		{"haproxy.cfg", "frontend a\n  bind :993 ssl crt 'x\n", "haproxy.cfg:2: a quote has no end"},
		{"haproxy.cfg", "frontend a\n  bind :993\n  default_backend b\n", `haproxy.cfg:3: the backend "b" does not exist`},
		{"perdition.conf", "protocol NNTP\n", `perdition.conf:1: Perdition has no protocol "NNTP"`},
		{"dovecot.conf", "passdb {\n  driver = static\n", `dovecot.conf:1: the block "passdb" has no }`},
		{"dovecot.conf", "}\n", "dovecot.conf:1: a } ends no block"},
		{"dovecot.conf", "protocols\n", "dovecot.conf:1: this is neither a setting with = nor a block"},
		{"dovecot.conf", "protocols = imap\nmail_location = maildir:~/Maildir\n", "it names no backend: name the mail server with --backend HOST"},
		{"main.cf", "  smtpd_tls_security_level = may\n", "main.cf:1: the line continues none"},
		{"main.cf", "myhostname\n", "main.cf:1: this is neither a parameter with = nor a service of master.cf"},
		{"letter.txt", "Dear Sir,\n", "letter.txt: the format is unknown; name it with --from stunnel, nginx"},
		{"stunnel.conf", strings.Repeat("a = b\n", maxSettings+1), "stunnel.conf:5001: there are more than 5000 settings"},
		{"stunnel.conf", strings.Repeat("; ", 1<<20), "stunnel.conf: the file is larger than 1 MiB"},
	} {
		if _, err := Read([]File{{c.name, []byte(c.text)}}, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, not %s", c.text, err, c.want)
		}
	}
	mixed := []File{{"stunnel.conf", nil}, {"nginx.conf", nil}}
	if _, err := Read(mixed, Options{}); err == nil || !strings.Contains(err.Error(), "import them one after the other") {
		t.Error(err)
	}
	if _, err := Read(filesIn(t, "stunnel-mail"), Options{From: "sendmail"}); err == nil || !strings.Contains(err.Error(), "the format is unknown") {
		t.Error(err)
	}
}

// A format is recognized by its contents, whatever the name of the file.
func TestRecognize(t *testing.T) {
	for name := range cases {
		for _, f := range filesIn(t, name) {
			if strings.HasPrefix(f.Name, "popmap") {
				continue
			}
			format, ok := recognizeOne(File{"file", f.Text})
			if want := strings.TrimRight(strings.SplitN(name, "-", 2)[0], "0123456789."); !ok || string(format) != want {
				t.Errorf("%s/%s is %s", name, f.Name, format)
			}
		}
	}
}

// Any text is imported as a configuration that passes the check, or refused.
func FuzzRead(f *testing.F) {
	for name := range cases {
		entries, _ := os.ReadDir(filepath.Join("testdata", name))
		for _, e := range entries {
			if text, err := os.ReadFile(filepath.Join("testdata", name, e.Name())); err == nil && !strings.HasPrefix(e.Name(), "want.") {
				for i := range FormatNames() {
					f.Add(i, text)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, format int, text []byte) {
		from := Format(FormatNames()[uint(format)%6])
		for _, o := range []Options{{}, {KeepWeak: true, Backend: "10.0.0.5", Hostname: "mail.example.com", Routes: "routes"}} {
			o.From = from
			imported, err := Read([]File{{"file", text}}, o)
			if err != nil {
				continue
			}
			yaml := imported.YAML()
			_, err = configs.Elsewhere("mail.example.com").Parse("letterlock.yaml", []byte(yaml))
			if err != nil && strings.Contains(err.Error(), "YAML") {
				t.Errorf("%v\n%s", err, yaml)
			}
		}
	})
}

// Parameters that name each other are expanded in bounded time.
func TestParametersThatNameEachOther(t *testing.T) {
	text := "myhostname = $a\n"
	for _, name := range []string{"a", "b", "c"} {
		text += name + " = " + strings.Repeat("$a $b $c ", 100) + "\n"
	}
	imported, err := Read([]File{{"main.cf", []byte(text)}}, Options{Backend: "10.0.0.5"})
	if err != nil || imported.hostname != "" {
		t.Error(imported, err)
	}
}

// A file as large as it may be is read in bounded time.
func TestLargestFiles(t *testing.T) {
	for name, text := range map[string]string{
		"stunnel.conf": strings.Repeat("[imaps]\naccept = 993\nconnect = 143\n", 1600),
		"haproxy.cfg":  "backend b\n  server a 10.0.0.5:143\n" + strings.Repeat("frontend f\n  bind :993 ssl\n  default_backend b\n", 1600),
		"nginx.conf":   "mail {" + strings.Repeat("server { listen 993 ssl; protocol imap; }", 1600) + "}",
		"master.cf":    strings.Repeat("smtp inet n - y - - smtpd -o a=b\n", 4900),
	} {
		begun := time.Now()
		if _, err := Read([]File{{name, []byte(text)}}, Options{Backend: "10.0.0.5"}); err != nil {
			t.Error(err)
		}
		t.Logf("%s: %d bytes in %s", name, len(text), time.Since(begun))
	}
}
