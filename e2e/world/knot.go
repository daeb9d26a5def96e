package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
)

// Knot is a pair of DNS servers for one zone. The secondary gets each change from the
// primary, some moments later.
type Knot struct {
	Primary, Secondary string // host:port
	KeyFile            string // of the TSIG key that may change the zone

	zone    Zone
	network string // the beginning of all addresses
}

// Zone is a zone of Knot. Its name has the address 127.0.0.1.
type Zone struct {
	Name    string
	Signed  bool   // the primary signs it with keys of its own (DNSSEC)
	Records string // further ones, in the form of zone files
	Clock   *Clock // of the servers; nil: this machine's
}

// The key that may change zones. The secret protects nothing: the servers are on loopback,
// and end with the test.
const (
	TSIGName   = "letterlock."
	TSIGSecret = "bGV0dGVybG9jayBlMmUgdGVzdCBrZXkgb2YgMzIgYnl0ZXM="
)

// StartKnot starts the servers of a zone. Stop of both processes ends them.
func (w *World) StartKnot(zone Zone) (*Knot, []*Process, error) {
	root, err := w.Root(names)
	if err != nil {
		return nil, nil, err
	}
	// Name servers are found on port 53, so each pair has addresses of its own: tests of
	// other groups run at the same time.
	k := &Knot{zone: zone, network: fmt.Sprintf("127.53.%d.%d", rand.IntN(256), 1+rand.IntN(20))}
	dir := filepath.Join(w.Dir, "knot-"+zone.Name)
	k.Primary, k.Secondary, k.KeyFile = k.network+"1:53", k.network+"2:53", dir+"/key"
	if err := w.configureKnot(k, dir); err != nil {
		return nil, nil, err
	}
	var started []*Process
	for _, name := range []string{"primary", "secondary"} {
		p, err := Run("knot-"+name, zone.Clock.command(root, w.Dir, "knotd", "-c", dir+"/"+name+"/knot.conf"))
		if err != nil {
			return nil, started, err
		}
		started = append(started, p)
	}
	_, err = started[1].Log.Await(0, Patience, "AXFR, incoming", "finished")
	return k, started, err
}

var errNotInStep = errors.New("the secondary does not get the changes of the primary")

// InStep waits until both servers have the same version of the zone.
func (k *Knot) InStep() error {
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if serial := k.serial(k.Primary); serial > 0 && serial == k.serial(k.Secondary) {
			return nil
		}
	}
	return errNotInStep
}

// serial returns the version of the zone that a server has; zero: it does not answer.
func (k *Knot) serial(server string) uint32 {
	m := new(dns.Msg)
	m.SetQuestion(k.zone.Name+".", dns.TypeSOA)
	answer, err := dns.Exchange(m, server)
	if err != nil || len(answer.Answer) == 0 {
		return 0
	}
	if soa, ok := answer.Answer[0].(*dns.SOA); ok {
		return soa.Serial
	}
	return 0
}

// configureKnot writes the files of both servers.
func (w *World) configureKnot(k *Knot, dir string) error {
	zone, primary, secondary := k.zone, k.network+"1", k.network+"2"
	signing := ""
	if zone.Signed {
		signing = "\n    dnssec-signing: on"
	}
	refresh := 60
	if zone.Clock != nil {
		refresh = 7 * 24 * 60 * 60 // Knot does not notice at once that a time has come, and would wait for it after a notification too
	}
	records := fmt.Sprintf("$TTL 60\n@ SOA ns1 hostmaster 1 %d 60 2419200 1\n@ NS ns1\n@ NS ns2\nns1 A %s\nns2 A %s\n@ A 127.0.0.1\nother TXT untouched\n%s",
		refresh, primary, secondary, zone.Records)
	return errors.Join(
		w.folders("knot-"+zone.Name+"/primary/db", "knot-"+zone.Name+"/secondary/db"), os.WriteFile(k.KeyFile, []byte("hmac-sha256:letterlock:"+TSIGSecret+"\n"), 0o600),
		os.WriteFile(dir+"/primary/zone", []byte(records), 0o644),
		knotConfiguration(dir+"/primary", zone.Name, primary, secondary, "notify: other\n    acl: [update, other]"+signing, "transfer"),
		knotConfiguration(dir+"/secondary", zone.Name, secondary, primary, "master: other\n    acl: other", "notify"))
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
`, dir, zone, own, other, role, allowed, TSIGSecret)
	return os.WriteFile(filepath.Join(dir, "knot.conf"), []byte(text), 0o600)
}
