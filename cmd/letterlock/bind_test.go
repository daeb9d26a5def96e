package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// A port that cannot be bound is reported with its position in the configuration and
// a remedy, for mail and for the status page alike.
func TestPortsThatAreTaken(t *testing.T) {
	t.Parallel()
	taken := loopback.Listen(t).Addr().String()
	_, port, _ := net.SplitHostPort(taken)
	for what, text := range map[string]string{
		"a listener":      "listeners: [{service: imaps, backend: b,\n  listen: \"TAKEN\"}]\n",
		"the status page": "listeners: [{service: imaps, backend: b, listen: \"{host}:0\"}]\nstatus: {\n  listen: \"TAKEN\"}\n",
		"HTTP-01":         "listeners: [{service: imaps, backend: b, listen: \"{host}:0\"}]\nacme: {\n  http: \"TAKEN\"}\n",
	} {
		file := writeFile(t, "hostname: mail.example.com\nprobe: false\nstate_dir: "+t.TempDir()+"\n"+strings.Replace(text, "TAKEN", taken, 1))
		line := 1 + strings.Count("\n\n\n"+text[:strings.Index(text, "TAKEN")], "\n")
		status, _, said := words("serve", "--config", file)
		for _, want := range []string{fmt.Sprintf("%s:%d:", file, line), "address already in use", "ss -ltnp 'sport = :" + port + "'", "bind it to loopback"} {
			if status != exitFailed || !strings.Contains(said, want) {
				t.Errorf("%s: %d, no %q in\n%s", what, status, want, said)
			}
		}
	}
}
