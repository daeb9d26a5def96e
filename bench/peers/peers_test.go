//go:build linux

package peers

import (
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/bench/backend"
	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/wait"
)

func testSetting(t *testing.T) *Setting {
	t.Helper()
	s := &Setting{Dir: t.TempDir(), Ports: make(map[string]int), Workers: 2, Backend: backend.Ports{IMAP: 2143, POP3: 2110, SMTP: 2025, Auth: 2080}}
	for i, service := range Services {
		s.Ports[service] = 20000 + i
	}
	var err error
	if s.Pair, err = NewPair(filepath.Join(s.Dir, "pair"), "ecdsa", "mail.example.com"); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPairs(t *testing.T) {
	for _, algorithm := range []string{"ecdsa", "rsa"} {
		p, err := NewPair(filepath.Join(t.TempDir(), "pair"), algorithm, "mail.example.com")
		if err != nil {
			t.Fatal(err)
		}
		for _, files := range [][2]string{{p.Cert, p.Key}, {p.Both, p.Both}} {
			if _, err := tls.LoadX509KeyPair(files[0], files[1]); err != nil {
				t.Errorf("%s: %v", algorithm, err)
			}
		}
	}
}

// TestEveryPortIsConfigured looks for each port that a proxy is to use in its
// configuration, or its arguments.
func TestEveryPortIsConfigured(t *testing.T) {
	for _, p := range All("letterlock", []Release{{Name: "Debian 12", codename: "bookworm"}, {Name: "Debian 13", codename: "trixie"}}) {
		t.Run(p.Name, func(t *testing.T) {
			s := testSetting(t)
			commands, err := p.commands(s)
			if err != nil {
				t.Fatal(err)
			}
			text := everything(t, s, commands)
			for _, service := range p.Services {
				if port := strconv.Itoa(s.Ports[service]); !strings.Contains(text, port) {
					t.Errorf("%s is not on port %s:\n%s", service, port, text)
				}
			}
			for _, want := range []string{"2143", "pair."} {
				if !strings.HasPrefix(p.Name, "nginx") && !strings.Contains(text, want) { // nginx asks for the backend's address
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if strings.Contains(text, "<no value>") {
				t.Error(text)
			}
		})
	}
}

func everything(t *testing.T, s *Setting, commands []*exec.Cmd) string {
	t.Helper()
	var all strings.Builder
	for _, cmd := range commands {
		all.WriteString(strings.Join(cmd.Args, " ") + "\n")
	}
	files, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "pair.") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.Dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func TestLetterlockTakesItsConfiguration(t *testing.T) {
	s := testSetting(t)
	for i := range 3 {
		s.More = append(s.More, Listener{Number: i, Port: 21000 + i, Pair: s.Pair})
	}
	path, err := s.fill("letterlock.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Listeners) != len(Services)+3 || len(c.Policies) != 3 {
		t.Errorf("%d listeners, %d policies", len(c.Listeners), len(c.Policies))
	}
}

func TestInstanceThatEndsAtOnce(t *testing.T) {
	p := &Peer{Name: "mayfly", Services: []string{"imap"}, commands: func(*Setting) ([]*exec.Cmd, error) {
		return []*exec.Cmd{exec.Command("sh", "-c", "echo last words; exit 1")}, nil
	}}
	s := testSetting(t)
	s.Ports["imap"] = 1 // no process listens on it
	_, err := p.Start(s)
	if err == nil || !strings.Contains(err.Error(), "last words") {
		t.Errorf("%v", err)
	}
}

func TestInstanceEndsWithItsChildren(t *testing.T) {
	i, dir := &Instance{}, t.TempDir()
	if err := i.run("stubborn", dir, exec.Command("sh", "-c", "sleep 1000 & echo $! > child; wait")); err != nil {
		t.Fatal(err)
	}
	var pid string
	for pid == "" {
		text, _ := os.ReadFile(filepath.Join(dir, "child"))
		pid = strings.TrimSpace(string(text))
	}
	if err := i.Stop(); err != nil {
		t.Fatal(err)
	}
	// A killed process remains visible for a moment.
	wait.Until(t, "the child still runs", func() bool {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z")
	})
}

func TestNotInstalled(t *testing.T) {
	if version, err := (&Peer{pkg: "no-such-package", release: Release{root: t.TempDir()}}).Version(); err == nil {
		t.Errorf("version %s", version)
	}
}
