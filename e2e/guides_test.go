// The tests follow the guides in docs/guides: they run the commands and write the
// files in the order of the page, on machines with Debian's servers. Then clients
// log in, and send and read mail.

package e2e

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// tour is a test that follows a guide.
type tour struct {
	guide   string
	release string // bookworm by default
	set     string // the packages of the old server's machine

	// single is set if the old server runs on Letterlock's machine.
	single bool

	// front is the set of packages of the machine with the public address, if
	// that is not Letterlock's machine.
	front string

	// skip lists the beginnings of the headings of sections to leave out, because
	// they are for another server.
	skip []string

	// dovecot lists the beginnings of headings in dovecot.md. These sections come
	// first, because the guide takes a server for granted.
	dovecot []string

	// services lists the services that clients try at the end, or after the section
	// last.
	services []string
	last     string

	// knows is set if the old server's log must have the client's address.
	knows bool
}

// oldDovecot lists the sections of dovecot.md about the server of Debian 12.
var oldDovecot = []string{"On the old server: Dovecot up to 2.3", "On the old server"}

// tours lists all guides with commands, by the test that follows them.
var tours = map[string][]tour{
	"TestTutorial": {
		{guide: "tutorial", set: "tutorial", single: true, services: allServices, last: "7. The firewall", knows: true},
		{guide: "two-machines", set: "tutorial", dovecot: oldDovecot, services: readers, knows: true},
		{guide: "operations", set: "tutorial", single: true},
		{guide: "moving", set: "tutorial", single: true},
		{guide: "troubleshooting", set: "postfix-dovecot", dovecot: append(oldDovecot, "On the proxy"), services: readers},
	},
	"TestGuidesForServers": {
		{guide: "dovecot", set: "postfix-dovecot", skip: []string{"On the old server: Dovecot 2.4"}, services: readers, knows: true},
		{guide: "dovecot", release: "trixie", set: "postfix-dovecot", skip: []string{"On the old server: Dovecot up to 2.3"}, services: readers, knows: true},
		{guide: "postfix", set: "tutorial", services: senders, knows: true},
		{guide: "cyrus", set: "exim-cyrus", services: readers},
		{guide: "exim", set: "exim-cyrus", services: senders, knows: true},
	},
	"TestGuidesForOtherServers": {
		{guide: "courier", set: "courier", services: allServices},
		{guide: "sendmail", set: "sendmail", services: senders},
	},
	"TestGuidesForProxies": {
		{guide: "load-balancer", set: "postfix-dovecot", front: "balancers", skip: []string{"The load balancer: nginx"}, services: []string{"imap", "imaps"}, knows: true},
		{guide: "load-balancer", set: "postfix-dovecot", front: "balancers", skip: []string{"The load balancer: HAProxy"}, services: []string{"imap", "imaps"}, knows: true},
		{guide: "lets-encrypt", set: "postfix-dovecot", dovecot: oldDovecot, services: []string{"imaps"}},
		{guide: "old-devices", set: "postfix-dovecot", dovecot: oldDovecot, services: []string{"imaps"}},
	},
}

var (
	senders     = []string{"smtp", "submission", "submissions"}
	readers     = []string{"imap", "imaps", "pop3s"}
	allServices = append(senders, readers...)
)

const (
	guideUser     = "alice"
	guidePassword = "wonderland-7"
)

func TestTutorial(t *testing.T)              { followGuides(t) }
func TestGuidesForServers(t *testing.T)      { followGuides(t) }
func TestGuidesForOtherServers(t *testing.T) { followGuides(t) }
func TestGuidesForProxies(t *testing.T)      { followGuides(t) }

func followGuides(t *testing.T) {
	w := needsServers(t)
	packages := packageFolder(t)
	for _, g := range tours[t.Name()] {
		if g.release == "" {
			g.release = w.Release
		}
		name := strings.Join(append([]string{g.guide, g.release}, g.skip...), ", ")
		t.Run(name, func(t *testing.T) { g.run(t, w, packages) })
	}
}

// TestTutorialOnEachDebian follows the tutorial on the releases of LETTERLOCK_MATRIX.
func TestTutorialOnEachDebian(t *testing.T) {
	wanted := os.Getenv("LETTERLOCK_MATRIX")
	if wanted == "" {
		t.Skip("needs root, and the servers of Debian 11, 12 and 13: run `make matrix`")
	}
	packages := packageFolder(t)
	for _, r := range releases {
		if wanted != "1" && !slices.Contains(strings.Fields(wanted), r.name) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			w, err := world.New()
			if err != nil {
				t.Fatal(err)
			}
			defer endWorld(t, w)
			w.Use("", certificates(t, w.Dir)...)
			g := tours["TestTutorial"][0]
			g.release = r.name
			t.Run(g.guide, func(t *testing.T) { g.run(t, w, packages) }) // its machines end before the world
		})
	}
}

// packageFolder returns a folder with the deb package of the program.
func packageFolder(t *testing.T) string {
	t.Helper()
	if folder := os.Getenv("LETTERLOCK_PACKAGES"); folder != "" {
		return folder
	}
	folder := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "../packaging/build", folder, "linux/"+runtime.GOARCH).CombinedOutput()
	if err != nil {
		t.Fatalf("packaging/build: %v: run make tools\n%s", err, out)
	}
	return folder
}
