package systemd

import (
	"net"
	"os"
	"strings"
	"testing"
)

func TestAssign(t *testing.T) {
	addresses := map[*os.File]string{nil: ""}
	at := func(name, address string) Socket {
		tcp, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		file := new(os.File)
		addresses[file] = address
		return Socket{name, tcp, file}
	}
	listeners := []Listener{{"imaps", ":993"}, {"imap", "127.0.0.1:143"}, {"imaps", "127.0.0.1:10993"}, {"pop3s", "[::1]:995"}}
	for _, c := range []struct {
		name    string
		sockets Sockets
		want    string // addresses of the sockets, a listener each; or part of the error
	}{
		{"none", nil, ",,,"},
		{"by address", Sockets{at("letterlock.socket", "127.0.0.1:143"), at("imaps", "127.0.0.1:10993")}, ",127.0.0.1:143,127.0.0.1:10993,"},
		{"every address", Sockets{at("imaps", "[::]:993")}, "[::]:993,,,"},
		{"by name", Sockets{at("pop3s", "127.0.0.1:1995"), at("imap", "[::]:143")}, ",[::]:143,,127.0.0.1:1995"},
		{"address before name", Sockets{at("imaps", "127.0.0.1:1"), at("imaps", "[::]:993")}, "[::]:993,,127.0.0.1:1,"},
		{"neither", Sockets{at("letterlock.socket", "127.0.0.1:25")}, "no listener uses it"},
		{"too many", Sockets{at("pop3s", "127.0.0.1:1"), at("pop3s", "127.0.0.1:2")}, `"pop3s" on 127.0.0.1:2`},
	} {
		files, err := c.sockets.Assign(listeners)
		var names []string
		for _, f := range files {
			names = append(names, addresses[f])
		}
		got := strings.Join(names, ",")
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
