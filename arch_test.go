// Package letterlock holds no code: only the test that keeps the arrows
// between the rooms pointing one way.
package letterlock

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/letterlock/letterlock/"

// mayImport says which of our own packages each room may know. A protocol
// speaks and knows no sockets, clocks or logs; the proxy holds them and knows
// no protocol; they meet in cmd/letterlock, which may know everybody.
var mayImport = map[string][]string{
	"configs":                  {"internal/idn", "tlspolicy", "tlspolicy/outbound", "internal/filemode", "internal/routes"},
	"tlspolicy":                {},
	"internal/certs":           {"tlspolicy"},
	"internal/acme":            {"tlspolicy", "internal/certs", "internal/web"},
	"tlspolicy/tickets":        {"tlspolicy"},
	"internal/inventory":       {"tlspolicy", "internal/limit"},
	"internal/filemode":        {},
	"internal/limit":           {},
	"internal/watch":           {},
	"internal/web":             {"internal/limit"},
	"internal/routes":          {"internal/idn"},
	"internal/wire":            {},
	"internal/gate":            {"internal/wire"},
	"internal/clienthello":     {},
	"proxy":                    {"internal/clienthello", "internal/gate", "internal/limit", "internal/observe", "internal/wire", "tlspolicy"},
	"smtp":                     {"internal/gate", "internal/idn", "internal/wire", "smtp/syntax", "tlspolicy"},
	"smtp/smarthost":           {"internal/gate", "internal/idn", "internal/nexthop", "internal/wire", "smtp/syntax", "tlspolicy/outbound"},
	"smtp/syntax":              {"internal/gate", "internal/wire"},
	"imap":                     {"internal/gate", "internal/wire", "tlspolicy"},
	"pop3":                     {"internal/gate", "internal/wire", "tlspolicy"},
	"sieve":                    {"internal/gate", "internal/wire", "tlspolicy"},
	"tlspolicy/dane":           {},
	"tlspolicy/mtasts":         {},
	"tlspolicy/outbound":       {"tlspolicy", "tlspolicy/dane"},
	"internal/probe":           {"internal/gate", "internal/idn"},
	"internal/maillog":         {},
	"internal/observe":         {"internal/limit", "internal/maillog"},
	"internal/egress":          {},
	"internal/idn":             {},
	"internal/nexthop":         {"internal/egress", "internal/resolver", "tlspolicy", "tlspolicy/dane", "tlspolicy/mtasts", "tlspolicy/outbound"},
	"internal/scan":            {"internal/resolver", "tlspolicy"},
	"internal/resolver":        {},
	"internal/sts":             {"internal/egress", "internal/resolver", "tlspolicy/mtasts"},
	"internal/test/pebble":     {},
	"internal/test/authority":  {},
	"internal/test/mta":        {},
	"internal/test/nameserver": {},
	"internal/test/gatetest":   {"internal/gate", "internal/wire"},
	"internal/test/wait":       {},
	"internal/test/loopback":   {},
	"internal/test/usage":      {},
	"internal/dialog":          {"internal/gate", "internal/test/authority", "internal/test/loopback", "internal/wire", "tlspolicy"},
	"attacks":                  {}, // tests alone, which may know everybody
	"attacks/flood":            {},
	"attacks/mutants":          {},
	"bench":                    {"bench/backend", "bench/load", "bench/measure", "bench/peers", "bench/report"},
	"bench/backend":            {},
	"bench/load":               {},
	"bench/measure":            {},
	"bench/peers":              {"bench/backend"},
	"bench/report":             {},
	"internal/status":          {"proxy", "internal/gate", "internal/observe", "internal/web", "internal/wire", "tlspolicy"},
}

// speakers import nothing that holds a socket, a clock or a log.
var speakers = []string{"smtp", "smtp/smarthost", "smtp/syntax", "imap", "pop3", "sieve"}

var notForSpeakers = []string{"net", "os", "time", "log/slog", "log"}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestArrowsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(room, "cmd/") || room == strings.TrimSuffix(module, "/") {
			continue
		}
		allowed, known := mayImport[room]
		for _, imported := range p.Imports {
			own, ours := strings.CutPrefix(imported, module)
			switch {
			case !ours && slices.Contains(speakers, room) && slices.Contains(notForSpeakers, imported):
				t.Errorf("%s speaks and must not import %s", room, imported)
			case !ours || !known && strings.HasPrefix(own, room+"/"):
			case !known && strings.HasPrefix(room, "internal/demo"):
				// Servers of their own: of ours they share the reading of lines.
				if !strings.HasPrefix(own, "internal/demo/") && own != "internal/wire" {
					t.Errorf("the demo servers must not know %s", own)
				}
			case !known:
				t.Errorf("%s is a new room: say in this test what it may import", room)
			case !slices.Contains(allowed, own):
				t.Errorf("%s must not import %s", room, own)
			}
		}
	}
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
