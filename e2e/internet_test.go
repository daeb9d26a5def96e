// These tests run the smarthost with its default settings on two machines that
// stand for the Internet: with MX records, port 25, DANE, and MTA-STS policies
// over HTTPS.

package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/sts"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/nameserver"
	"github.com/letterlock/letterlock/tlspolicy/dane"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// part is the environment variable that makes a copy of the test program run as
// a server on one of the machines; folder is the one for the folder with the
// certificate.
const part, folder = "LETTERLOCK_E2E_PART", "LETTERLOCK_E2E_FOLDER"

// parts are the functions that the copies of TestInternet run on the machines,
// until their input ends.
var parts = map[string]func(t *testing.T, folder string){"far": playFar, "dns": playDNS}

// playFar runs the mail servers of all domains, and the web servers with their
// MTA-STS policies.
func playFar(t *testing.T, dir string) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "far.pem"), filepath.Join(dir, "far.key"))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	mail := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return taker{}, nil }))
	mail.Addr, mail.Domain, mail.TLSConfig, mail.ErrorLog = world.FarAddress+":25", "far.example", config, log.New(io.Discard, "", 0)
	web := &http.Server{Addr: world.FarAddress + ":443", TLSConfig: config, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		domain := strings.TrimPrefix(r.Host, "mta-sts.")
		sts.Handler(mtasts.Policy{Mode: "enforce", MaxAge: time.Hour, MX: []string{"mx." + domain}}).ServeHTTP(w, r)
	})}
	go func() { fmt.Fprintln(os.Stderr, mail.ListenAndServe()) }()
	go func() { fmt.Fprintln(os.Stderr, web.ListenAndServeTLS("", "")) }()
}

// taker is a session that accepts all mail.
type taker struct{}

func (taker) Reset()                               {}
func (taker) Logout() error                        { return nil }
func (taker) Mail(string, *smtp.MailOptions) error { return nil }
func (taker) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (taker) Data(r io.Reader) error               { _, err := io.Copy(io.Discard, r); return err }

// playDNS runs the resolver on the sender's machine. It sets the AD bit on all
// answers.
func playDNS(t *testing.T, dir string) {
	s := nameserver.New(t)
	s.Behave(true, false, dnsmessage.RCodeSuccess)
	far := &dnsmessage.AResource{A: [4]byte(net.ParseIP(world.FarAddress).To4())}
	for _, domain := range []string{"open", "dane", "sts", "other-sts"} {
		s.Set(domain+".example", &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName("mx." + domain + ".example.")})
		s.Set("mx."+domain+".example", far)
		s.Set("mta-sts."+domain+".example", far)
	}
	for _, domain := range []string{"sts", "other-sts"} {
		s.Set("_mta-sts."+domain+".example", &dnsmessage.TXTResource{TXT: []string{"v=STSv1; id=1"}})
	}
	r := dane.Of(leafOf(t, filepath.Join(dir, "far.pem")))
	s.Set("_25._tcp.mx.dane.example", &dnsmessage.UnknownResource{Type: 52, Data: append([]byte{r.Usage, r.Selector, r.Matching}, r.Data...)})
	s.Set("self.example", &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName("mx.self.example.")})
	s.Set("mx.self.example", &dnsmessage.AResource{A: [4]byte(net.ParseIP(world.SenderAddress).To4())})
	fmt.Fprintln(os.Stderr, "resolver at", s.Address)
}

// play starts a copy of the test program on a machine.
func play(t *testing.T, n *world.Internet, machine, what, dir string) *world.Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := n.On(machine, self, "-test.run=^TestInternet$", "-test.v")
	command.Env = append(os.Environ(), part+"="+what, folder+"="+dir)
	if _, err := command.StdinPipe(); err != nil { // stays open until the test ends
		t.Fatal(err)
	}
	return onInternet(t, what, command)
}

func onInternet(t *testing.T, name string, command *exec.Cmd) *world.Process {
	t.Helper()
	p, err := world.Run(name, command)
	if err != nil {
		t.Fatal(err)
	}
	p.DiesOfSignal = true
	atEnd(t, p.Stop)
	return p
}

func TestInternet(t *testing.T) {
	if play := parts[os.Getenv(part)]; play != nil {
		play(t, os.Getenv(folder))
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	needsServers(t)
	n, err := world.NewInternet()
	atEnd(t, n.Close)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	chain, key := authority.PEM(t, shared.ca.ECDSA(t, "mx.open.example", "mx.sts.example", "mta-sts.sts.example", "mta-sts.other-sts.example"))
	for name, text := range map[string][]byte{"far.pem": chain, "far.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	play(t, n, "far", "far", dir)
	_, resolver, _ := strings.Cut(awaitIn(t, play(t, n, "sender", "dns", dir), 0, "resolver at"), "resolver at ")
	for _, trust := range []struct{ way, rules, system string }{
		{"the system's authorities", "", shared.caFile},
		{"own authorities", ", ca: " + shared.caFile, os.DevNull},
	} {
		t.Run(trust.way, func(t *testing.T) { sendOnInternet(t, n, resolver, trust.rules, trust.system) })
	}
}

// sendOnInternet sends a message to each kind of domain, with further settings
// for the smarthost and the authorities that the system trusts.
func sendOnInternet(t *testing.T, n *world.Internet, resolver, rules, system string) {
	dir := t.TempDir()
	path := filepath.Join(dir, "letterlock.yaml")
	text := fmt.Sprintf("hostname: mail.example.com\nstate_dir: %s\nlog: {format: postfix}\nsmarthost: {resolvers: [%q]%s}\nlisteners: [{service: smarthost}]\n", dir, resolver, rules)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := n.On("sender", needsServers(t).Program(), "serve", "--config", path)
	command.Env = append(os.Environ(), "SSL_CERT_FILE="+system, "SSL_CERT_DIR="+dir)
	proxy := onInternet(t, "letterlock on the Internet", command)
	proxy.DiesOfSignal = false
	awaitIn(t, proxy, 0, "listening", "address=127.0.0.1:10025")
	for domain, want := range map[string][]string{
		"open.example":      {"Trusted TLS connection established to mx.open.example[" + world.FarAddress + "]:25:", "level=may"},
		"dane.example":      {"Verified TLS connection established to mx.dane.example[", "level=dane"},
		"sts.example":       {"Verified TLS connection established to mx.sts.example[", "level=verify"},
		"other-sts.example": {"mail deferred", "451 4.7.5 Server certificate not verified: mx.other-sts.example["},
		"self.example":      {"mail deferred", "451 4.4.6 Mail for self.example loops back to myself"},
	} {
		mark := proxy.Log.Mark()
		_ = n.On("sender", "swaks", "--server", "127.0.0.1:10025", "--ehlo", "legacy.lan", "--from", "a@example.com", "--to", "b@"+domain).Run() // the log has the result
		awaitIn(t, proxy, mark, want...)
		if strings.HasPrefix(want[0], "mail") {
			continue
		}
		awaitIn(t, proxy, mark, "mail sent", "domain="+domain)
	}
}
