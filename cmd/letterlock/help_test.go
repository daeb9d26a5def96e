package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/demo"
	"github.com/letterlock/letterlock/internal/test/loopback"
)

// The help of each command has a line about it, and an example. It goes to standard
// output.
func TestHelp(t *testing.T) {
	t.Parallel()
	for command, h := range helps {
		status, out, said := words(append(strings.Fields(command), "--help")...)
		if status != exitOK || said != "" || !strings.HasPrefix(out, "letterlock "+command+": "+h.about+".\n") {
			t.Errorf("%s: %d\n%s%s", command, status, out, said)
		}
		if _, again, _ := words(append([]string{"help"}, strings.Fields(command)...)...); again != out {
			t.Errorf("help %s want\n%s", command, again)
		}
		for _, example := range h.examples {
			if !strings.Contains(out, "\n  letterlock "+example+"\n") {
				t.Errorf("%s does not show %q", command, example)
			}
			for word := range strings.FieldsSeq(example) {
				if flag, is := strings.CutPrefix(word, "--"); is && !strings.Contains(out, "\n  --"+flag) && command != "config" && command != "oauth" {
					t.Errorf("%s has no flag --%s", command, flag)
				}
			}
		}
	}
	for command, status := range statuses {
		if _, out, _ := words(append(strings.Fields(command), "--help")...); !strings.Contains(out, "\nexit status: "+status+"\n") {
			t.Errorf("%s does not name its exit statuses:\n%s", command, out)
		}
	}
	for _, c := range subcommands() {
		if helps[c.name].about == "" {
			t.Errorf("%s has no help", c.name)
		}
	}
	if _, out, _ := words("check", "--help"); strings.Contains(out, "acme") {
		t.Errorf("flags that mean nothing to check:\n%s", out)
	}
	if _, out, _ := words("serve", "--help"); !strings.Contains(out, "--acme-email") {
		t.Errorf("flags that serve has are not there:\n%s", out)
	}
	if status, out, _ := words("help"); status != exitOK || !strings.Contains(out, "mta-sts") {
		t.Errorf("%d\n%s", status, out)
	}
}

func TestVersionFlags(t *testing.T) {
	t.Parallel()
	_, want, _ := words("version")
	for _, flag := range []string{"-v", "--version", "-version"} {
		if status, out, _ := words(flag); status != exitOK || out != want {
			t.Errorf("%s: %d, %q", flag, status, out)
		}
	}
}

// A usage error is one line, and its exit status is 2.
func TestWrongCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ call, want string }{
		{"", "usage: letterlock COMMAND"},
		{"chekc", `there is no command "chekc"`},
		{"help chekc", `there is no command "chekc"`},
		{"serve --bakcend 10.0.0.5", "serve: there is no flag --bakcend; see letterlock serve --help"},
		{"serve --config", "serve: flag needs an argument: --config"},
		{"serve a.yaml b.yaml", `serve: it takes one argument, not "a.yaml" and "b.yaml"`},
		{"serve --config a.yaml b.yaml", `serve: it takes one file, not "a.yaml" and "b.yaml"`},
		{"demo now", `demo: it takes no argument "now"`},
		{"config", "config: it takes a subcommand: check, reference or schema"},
		{"config chekc", `config: there is no "chekc"`},
		{"config schema x", `config schema: it takes no argument "x"`},
		{"config check", "there is no configuration: name its file (--config FILE"},
		{"tlsa", "there is no configuration: name its file (--config FILE"},
		{"whatif --policy modern", "there is no configuration: name its file (--config FILE"},
		{"mta-sts --domain example.com", "there is no configuration: name its file (--config FILE"},
		{"check", "there is no configuration: name its file (--config FILE"},
	} {
		status, out, said := words(strings.Fields(c.call)...)
		if status != exitUsage || out != "" || !strings.Contains(said, c.want) || c.call != "" && strings.Count(said, "\n") != 1 {
			t.Errorf("%s: %d\n%s%s", c.call, status, out, said)
		}
	}
}

// The file of the configuration may be the argument, before or after the flags.
func TestFileIsAnArgument(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "hostname: mail.example.com\nlisteners: [{service: imaps, backend: b}]\n")
	for _, args := range [][]string{{file}, {"--config", file}} {
		if status, out, said := words(append([]string{"config", "check"}, args...)...); status != exitOK || !strings.Contains(out, "listener imaps") {
			t.Errorf("%s: %d\n%s%s", args, status, out, said)
		}
	}
	if status, out, said := words("mta-sts", file, "--domain", "example.com"); status != exitOK || !strings.Contains(out, "_mta-sts.example.com. IN TXT") {
		t.Errorf("%d\n%s%s", status, out, said)
	}
}

// Without a configuration the records follow from the flags alone.
func TestMTASTSWithoutAConfiguration(t *testing.T) {
	t.Parallel()
	status, out, said := words("mta-sts", "--domain", "example.com", "--mx", "mx1.example.com,mx2.example.com")
	for _, want := range []string{"mx: mx2.example.com", "to be served by your web server", "; mta-sts.example.com. IN CNAME, or A and AAAA", "_mta-sts.example.com. IN TXT \"v=STSv1; id="} {
		if status != exitOK || !strings.Contains(out, want) {
			t.Errorf("%d, no %q in\n%s%s", status, want, out, said)
		}
	}
}

// A host may be the argument, and have a port.
func TestCheckOfAPort(t *testing.T) {
	t.Parallel()
	backends, err := demo.Start(loopback.Host(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backends.Close() })
	for _, args := range [][]string{{backends.IMAP(), "--service", "imap"}, {"--service", "imap", "--host", backends.IMAP()}} {
		status, out, said := words(append([]string{"check"}, args...)...)
		if status != exitFailed || !strings.Contains(out, fmt.Sprintf("imap on %s\n", backends.IMAP())) || strings.Contains(out, "smtp") {
			t.Errorf("%s: %d\n%s%s", args, status, out, said)
		}
	}
	for address, want := range map[string][2]string{
		"mail.example.com": {"mail.example.com", ""}, "mail.example.com:25": {"mail.example.com", "25"},
		"2001:db8::1": {"2001:db8::1", ""}, "[2001:db8::1]": {"2001:db8::1", ""}, "[2001:db8::1]:25": {"2001:db8::1", "25"}, "": {"", ""},
	} {
		if host, port := splitPort(address); host != want[0] || port != want[1] {
			t.Errorf("%s is %q and %q", address, host, port)
		}
	}
}
