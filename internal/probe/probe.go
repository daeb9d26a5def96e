package probe

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// Stranger is whom the backend is told that it speaks with, where it is told
// (RFC 5737: nobody's address).
var Stranger = netip.MustParseAddrPort("192.0.2.1:25025")

// Target is a backend, and what depends on it.
type Target struct {
	Protocol string // smtp, imap, pop3 or sieve
	Hostname string // ours
	Spoken   gate.Handover

	// Login says that clients log in there, and Means how we do it for them.
	Login bool
	Means gate.Means

	// The others concern SMTP. Unjudged says that the backend does not see a
	// stranger but us. The backend's word alone decides who may be written to,
	// unless Guarded says that we know the recipients, Submission that we let
	// nobody write without a login, or Allowed that it is meant so.
	Unjudged, Guarded, Submission, Allowed bool
}

// Severity says what a finding calls for.
type Severity int

// From harmless to dangerous.
const (
	Warning Severity = iota // to be looked at
	Danger                  // no service should start
)

// Finding is something that the administrator should know.
type Finding struct {
	Severity
	Text, Remedy string
}

// Time bounds a whole visit.
const Time = 20 * time.Second

// maxHeard bounds what a backend may say during a visit, in bytes.
const maxHeard = 256 << 10

// Visit asks a backend on a connection that is fresh but for a PROXY header,
// and closes it. A connection that is Clear gets TLS first. The error says that
// the visit was cut short; what was found until then is still true.
func Visit(ctx context.Context, conn net.Conn, t Target) ([]Finding, error) {
	deadline := time.Now().Add(Time)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	_ = conn.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	v := &visit{Target: t, Conn: textproto.NewConn(bounded(conn))}
	v.clear, _ = conn.(Clear)
	defer func() { _ = v.Close() }()
	var err error
	switch t.Protocol {
	case "smtp":
		err = v.smtp()
	case "imap":
		err = v.imap()
	case "pop3":
		err = v.pop3()
	case "sieve":
		err = v.sieve()
	default:
		err = fmt.Errorf("there is no probe for %s", t.Protocol)
	}
	return v.findings, err
}

// bounded lets a backend say maxHeard at most.
func bounded(conn net.Conn) io.ReadWriteCloser {
	return struct {
		io.Reader
		io.WriteCloser
	}{io.LimitReader(conn, maxHeard), conn}
}

// visit is one connection to a backend.
type visit struct {
	Target
	*textproto.Conn
	clear    Clear // nil: TLS is on, or not wanted
	findings []Finding
}

func (v *visit) find(s Severity, remedy, format string, args ...any) {
	v.findings = append(v.findings, Finding{s, fmt.Sprintf(format, args...), remedy})
}

// ask sends a line and reads one.
func (v *visit) ask(format string, args ...any) (string, error) {
	if err := v.PrintfLine(format, args...); err != nil {
		return "", err
	}
	return v.ReadLine()
}

// nobody is a user and a password that no server knows.
func nobody() (user, password string) {
	return "letterlock-probe-" + rand.Text()[:8], rand.Text()
}

// The findings that all protocols share.

func (v *visit) anyPassword(user string) {
	v.find(Danger, "see how the backend checks passwords; it may trust whoever comes from the proxy's address",
		"it takes any password: %s has logged in with one made up just now", user)
}

func (v *visit) noLogin(saw string) {
	if v.Login {
		v.find(Warning, plaintextLogins[v.Protocol], "it takes no login from the proxy, which speaks plaintext to it (%s)", saw)
	}
}

// lacks reports whether we log in by a SASL mechanism that is none of those, and
// says so.
func (v *visit) lacks(mechanisms []string) bool {
	lacking := v.Login && v.needsSASL() && !slices.Contains(mechanisms, string(v.Means))
	if lacking {
		v.find(Warning, gate.BackendLogin.Remedy(), "it does not offer the login that backend_login names (%s), so every login will fail", v.Means)
	}
	return lacking
}

// forPasswords reports whether mechanisms are there that clients of today have
// for passwords. What servers offer beside them on a plaintext connection, few
// know.
func forPasswords(mechanisms []string) bool {
	return slices.ContainsFunc(mechanisms, func(m string) bool {
		return m == "PLAIN" || m == "LOGIN" || strings.HasPrefix(m, "SCRAM-")
	})
}

func (v *visit) needsSASL() bool { return v.Means != gate.Same && v.Means != gate.ByCommand }

func (v *visit) noHandover(saw string) {
	v.find(Warning, gate.HandoverRefused.Remedy(), "it does not take the client's address as configured (%s), so every session will fail", saw)
}

// withPrefix lists what stands behind a prefix in those words that have it.
func withPrefix(prefix string, words []string) (rest []string) {
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, prefix); ok {
			rest = append(rest, name)
		}
	}
	return rest
}

// plaintextLogins are the settings that allow them.
var plaintextLogins = map[string]string{
	"smtp":  "allow plaintext logins from the proxy's address: Postfix smtpd_sasl_auth_enable = yes and smtpd_tls_auth_only = no; Exim auth_advertise_hosts; Sendmail without p in AuthOptions; Dovecot disable_plaintext_auth = no (2.4: auth_allow_cleartext = yes)",
	"imap":  "allow plaintext logins from the proxy's address: Dovecot disable_plaintext_auth = no (2.4: auth_allow_cleartext = yes) and ssl not required, or login_trusted_networks; Cyrus allowplaintext: yes; Courier IMAP_TLS_REQUIRED=0",
	"pop3":  "allow plaintext logins from the proxy's address: Dovecot disable_plaintext_auth = no (2.4: auth_allow_cleartext = yes) and ssl not required, or login_trusted_networks; Cyrus allowplaintext: yes; Courier POP3_TLS_REQUIRED=0",
	"sieve": "allow plaintext logins from the proxy's address: Dovecot disable_plaintext_auth = no (2.4: auth_allow_cleartext = yes) and ssl not required, or login_trusted_networks; Cyrus allowplaintext: yes",
}
