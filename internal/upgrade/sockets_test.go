//go:build unix

package upgrade

import (
	"net"
	"os"
	"slices"
	"testing"
)

// A socket belongs to the listener of its name and address, or else to any on its
// address, unless several may have that.
func TestClaim(t *testing.T) {
	names := map[*os.File]string{nil: ""}
	s := &Sockets{}
	for _, socket := range []Socket{
		{Name: "imap", Address: ":143"}, {Name: "pop3", Address: ":143"}, {Name: "imaps", Address: "127.0.0.1:0"}, {Name: "imaps", Address: "127.0.0.1:0"},
		{Name: "letterlock.socket", Systemd: true},
	} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = write.Close()
		socket.File = read
		s.all = append(s.all, socket)
		names[read] = socket.Name
	}
	var got []string
	for _, wanted := range [][2]string{
		{"pop3", ":143"}, {"smtp", ":143"}, {"smtp", ":143"}, {"pop3s", "127.0.0.1:0"}, {"imaps", "127.0.0.1:0"}, {"imaps", "127.0.0.1:0"}, {"letterlock.socket", ""},
	} {
		got = append(got, names[s.Claim(wanted[0], wanted[1])])
	}
	if want := []string{"pop3", "imap", "", "", "imaps", "imaps", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	systemd := s.ClaimSystemd()
	if len(systemd) != 1 || len(s.ClaimSystemd()) != 0 {
		t.Errorf("%d sockets of systemd", len(systemd))
	}
	s.Close()
	for file, name := range names {
		if open := file != nil && file.Close() == nil; open != (name == "letterlock.socket") {
			t.Errorf("%s: open is %t", name, open)
		}
	}
}

// Without a predecessor sockets are opened.
func TestNoPredecessor(t *testing.T) {
	old, err := FromEnvironment()
	if old != nil || err != nil {
		t.Fatal(old, err)
	}
	s, err := old.Sockets()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := s.Listen("imaps", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	s.Close()
	if text, err := old.Prepared(); text != nil || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	old.Ready("1")
	old.Failed(net.ErrClosed)
	if _, err := net.Dial("tcp", socket.Addr().String()); err != nil {
		t.Error(err)
	}
}

// A variable that was set by something else than an upgrade is an error.
func TestVariableAlone(t *testing.T) {
	t.Setenv(marker, "1")
	if _, err := FromEnvironment(); err == nil {
		t.Skip("this process has pipes in the places of an upgrade's")
	}
}

func TestProgram(t *testing.T) {
	path, err := Program()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if err := Possible(); err != nil {
		t.Logf("here: %v", err)
	}
}
