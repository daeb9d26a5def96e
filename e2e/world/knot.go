package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Knot is a pair of DNS servers for one zone. The secondary gets each change from the
// primary, some moments later.
type Knot struct {
	Primary, Secondary string // host:port
	KeyFile            string // of the TSIG key that may change the zone
}

// The secret protects nothing: the servers are on loopback, and end with the test.
const tsigSecret = "bGV0dGVybG9jayBlMmUgdGVzdCBrZXkgb2YgMzIgYnl0ZXM="

// StartKnot starts the servers of a zone, whose names have the address 127.0.0.1. Stop of
// both processes ends them.
func (w *World) StartKnot(zone string) (*Knot, []*Process, error) { return w.startKnot(zone, "") }

// StartSignedKnot starts servers as StartKnot does. The primary signs the zone with keys
// of its own (DNSSEC).
func (w *World) StartSignedKnot(zone string) (*Knot, []*Process, error) {
	return w.startKnot(zone, "\n    dnssec-signing: on")
}

// startKnot adds keys to the zone of the primary.
func (w *World) startKnot(zone, keys string) (*Knot, []*Process, error) {
	root, err := w.Root("names")
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(w.Dir, "knot-"+zone)
	// Name servers are found on port 53, so each pair has addresses of its own: tests of
	// other groups run at the same time.
	network := fmt.Sprintf("127.53.%d.%d", rand.IntN(256), 1+rand.IntN(20))
	primaryAddress, secondaryAddress := network+"1", network+"2"
	k := &Knot{Primary: primaryAddress + ":53", Secondary: secondaryAddress + ":53", KeyFile: dir + "/key"}
	records := fmt.Sprintf("$TTL 60\n@ SOA ns1 hostmaster 1 60 60 3600 1\n@ NS ns1\n@ NS ns2\nns1 A %s\nns2 A %s\n@ A 127.0.0.1\nother TXT untouched\n", primaryAddress, secondaryAddress)
	err = errors.Join(
		w.folders("knot-"+zone+"/primary/db", "knot-"+zone+"/secondary/db"), os.WriteFile(k.KeyFile, []byte("hmac-sha256:letterlock:"+tsigSecret+"\n"), 0o600),
		os.WriteFile(dir+"/primary/zone", []byte(records), 0o644),
		knotConfiguration(dir+"/primary", zone, primaryAddress, secondaryAddress, "notify: other\n    acl: [update, other]"+keys, "transfer"),
		knotConfiguration(dir+"/secondary", zone, secondaryAddress, primaryAddress, "master: other\n    acl: other", "notify"))
	if err != nil {
		return nil, nil, err
	}
	var started []*Process
	for _, name := range []string{"primary", "secondary"} {
		p, err := Run("knot-"+name, root.Command(w.Dir, "knotd", "-c", dir+"/"+name+"/knot.conf"))
		if err != nil {
			return nil, started, err
		}
		started = append(started, p)
	}
	_, err = started[1].Log.Await(0, Patience, "AXFR, incoming", "finished")
	return k, started, err
}

// knotConfiguration writes the configuration of one of two servers. The other server may
// do what allowed says.
func knotConfiguration(dir, zone, own, other, role, allowed string) error {
	text := fmt.Sprintf(`server:
    rundir: %[1]s
    listen: %[3]s@53
database:
    storage: %[1]s/db
log:
  - target: stderr
    any: info
key:
  - id: letterlock
    algorithm: hmac-sha256
    secret: %[7]s
remote:
  - id: other
    address: %[4]s@53
    via: %[3]s
acl:
  - id: update
    key: letterlock
    action: update
  - id: other
    address: %[4]s
    action: %[6]s
zone:
  - domain: %[2]s
    storage: %[1]s
    file: zone
    %[5]s
`, dir, zone, own, other, role, allowed, tsigSecret)
	return os.WriteFile(filepath.Join(dir, "knot.conf"), []byte(text), 0o600)
}
