package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// blocks returns the code blocks of a page in one language.
func blocks(t *testing.T, page, language string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		if m[1] == language {
			all = append(all, m[2])
		}
	}
	return all
}

// The command writes and reports the example of docs/import.md.
func TestPageAboutImport(t *testing.T) {
	const page = "../../docs/import.md"
	from, want, reports := blocks(t, page, "ini"), blocks(t, page, "yaml"), blocks(t, page, "")
	if len(from) != 1 || len(want) != 1 || len(reports) != 1 {
		t.Fatalf("%d, %d and %d examples", len(from), len(want), len(reports))
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("stunnel.conf", []byte(from[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, said := words("import", "stunnel.conf", "--hostname", "mail.example.com")
	if status != exitOK || out != want[0] || said != reports[0] {
		t.Errorf("%d\n%s%s", status, out, said)
	}
}

// The commands in the pages have the flags that stand there, and each flag of
// init is in the table.
func TestCommandsInPages(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"../../docs/import.md", "../../docs/init.md"} {
		for line := range strings.Lines(strings.Join(blocks(t, page, "sh"), "")) {
			_, call, ok := strings.Cut(strings.TrimSpace(line), "letterlock ")
			if !ok {
				t.Errorf("%s: %s", page, line)
				continue
			}
			fields := strings.Fields(call)
			_, help, _ := words(fields[0], "--help")
			for _, field := range fields[1:] {
				if strings.HasPrefix(field, "--") && !strings.Contains(help, "\n  "+field+" ") {
					t.Errorf("%s: %s has no flag %s", page, fields[0], field)
				}
			}
		}
	}
	text, err := os.ReadFile("../../docs/init.md")
	if err != nil {
		t.Fatal(err)
	}
	_, help, _ := words("init", "--help")
	for _, m := range regexp.MustCompile(`(?m)^  (--[a-z-]+) `).FindAllStringSubmatch(help, -1) {
		if !strings.Contains(string(text), m[1]) {
			t.Errorf("docs/init.md has no %s", m[1])
		}
	}
}

// The command of docs/init.md with ports runs as it stands there, with the ports
// and files of this machine.
func TestPageAboutInit(t *testing.T) {
	commands := strings.Join(blocks(t, "../../docs/init.md", "sh"), "")
	f := newFolder(t)
	t.Chdir(f.path)
	line := ""
	for l := range strings.Lines(commands) {
		if strings.Contains(l, "--ports") {
			line = l
		}
	}
	b := f.backends
	line = strings.NewReplacer("10025", portOf(b.SMTP()), "10587", portOf(b.Submission()), "10143", portOf(b.IMAP()), "/etc/letterlock/", f.path+"/").Replace(line)
	args := append(strings.Fields(line)[1:], "--services", "smtp,submission,imaps", "--hostname", "mail.example.com", "--output", "new.yaml")
	if status, out, said := words(args...); status != exitOK {
		t.Fatalf("%d\n%s%s", status, out, said)
	}
	if status, out, said := words("config", "check", "new.yaml"); status != exitOK || strings.Count(out, "listener ") != 3 {
		t.Errorf("%d\n%s%s", status, out, said)
	}
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
