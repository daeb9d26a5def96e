package configs

import "fmt"

// Status holds the address of the status page, its JSON and the metrics, and who
// may read them.
type Status struct {
	// host:port where it is served. Default: none, no page.
	Listen string `yaml:"listen" example:"127.0.0.1:8080" var:"STATUS_LISTEN"`

	// The file with the names and passwords of the administrators who may read
	// the page and act on it. Each line is made by: letterlock password NAME.
	// Outside of loopback the page then speaks TLS, with the certificates of
	// the listeners. The file is read again when it changes. Default: none.
	Passwords string `yaml:"passwords" example:"/etc/letterlock/status-passwords" var:"STATUS_PASSWORDS"`

	// The file with the authorities whose client certificates are accepted in
	// place of a password, in PEM form. With it the page speaks TLS on loopback
	// too. The file is read again when it changes. Default: none.
	ClientCA string `yaml:"client_ca" example:"/etc/letterlock/status-ca.pem"`

	// The answers for all clients outside of loopback: health (/healthz and
	// /readyz, without reasons) and metrics. Without passwords and client_ca
	// nothing else is served, and in plaintext. Default: health if there are
	// passwords or client_ca, else nothing.
	Public []string `yaml:"public" words:"health metrics" example:"[health]" var:"STATUS_PUBLIC"`
}

// Protected reports whether the page asks for a password or a client certificate.
func (s Status) Protected() bool { return s.Passwords != "" || s.ClientCA != "" }

// Loopback reports whether only this machine can reach the page.
func (s Status) Loopback() bool {
	a, err := parseListen(s.Listen)
	return err == nil && a.host.IsLoopback()
}

// TLS reports whether the page speaks TLS.
func (s Status) TLS() bool { return s.ClientCA != "" || s.Passwords != "" && !s.Loopback() }

// Answers lists what is answered without a password.
func (s Status) Answers() []string {
	switch {
	case s.Loopback():
		return []string{"health", "metrics"}
	case len(s.Public) == 0 && s.Protected():
		return []string{"health"}
	}
	return s.Public
}

// checkStatus: without an address there is no status page, and one that others can
// reach must be protected.
func checkStatus(c *Config, m Machine, r report) {
	at, s := r.in("status"), c.Status
	for i, word := range s.Public {
		at.in("public", i).oneOf("public answer", word, []string{"health", "metrics"})
	}
	checkReadable(m, s.Passwords, at.in("passwords"))
	checkReadable(m, s.ClientCA, at.in("client_ca"))
	if s.Listen == "" {
		if s.Protected() || len(s.Public) > 0 {
			at.wrong("write listen: and an address, such as 127.0.0.1:8080", "status has no listen, so there is no page")
		}
		return
	}
	a, err := parseListen(s.Listen)
	switch {
	case err != nil:
		at.in("listen").wrong("write an address and a port, such as 127.0.0.1:8080", "%q %v", s.Listen, err)
	case !a.host.IsLoopback() && !s.Protected() && len(s.Public) == 0:
		at.in("listen").wrong(at.either(
			fmt.Sprintf(`write passwords: FILE beside it, with lines of letterlock password NAME; or client_ca: FILE; or public: [health] for probes alone; or listen: "127.0.0.1:%d"`, a.port),
			fmt.Sprintf("set LETTERLOCK_STATUS_PASSWORDS to a file with lines of letterlock password NAME, or LETTERLOCK_STATUS_PUBLIC=health for probes alone, or the address to 127.0.0.1:%d", a.port)),
			"the status page would show user names and addresses to any client that reaches %s", s.Listen)
	}
}

// describe describes the page in a sentence.
func (s Status) describe() string {
	scheme, who := "http", "without a password"
	if s.TLS() {
		scheme = "https"
	}
	switch {
	case s.Passwords != "" && s.ClientCA != "":
		who = "with a password of " + s.Passwords + " or a certificate of an authority in " + s.ClientCA
	case s.Passwords != "":
		who = "with a password of " + s.Passwords
	case s.ClientCA != "":
		who = "with a certificate of an authority in " + s.ClientCA
	case !s.Loopback():
		return fmt.Sprintf("status on http://%s/: only %s\n", s.Listen, list(s.Public))
	}
	return fmt.Sprintf("status page on %s://%s/, %s\n", scheme, s.Listen, who)
}
