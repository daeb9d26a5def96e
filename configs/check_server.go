package configs

import (
	"net/netip"
	"strings"
)

// checkHostname: greetings contain the hostname, and an address instead is only
// for hosts without a name (RFC 5321 §4.1.3). A mail server has a name.
func checkHostname(c *Config, _ Machine, r report) {
	const remedy = "write the name that the mail server is known by, such as mail.example.com"
	at := r.in("hostname")
	if c.Hostname == "" {
		at.wrong(remedy, "there is no hostname, and the machine does not know its own")
		return
	}
	err := legalDomain(c.Hostname)
	_, notAddress := netip.ParseAddr(c.Hostname)
	switch {
	case notAddress == nil:
		at.wrong(remedy, "hostname %q is an address", c.Hostname)
	case err != nil && !at.given():
		at.wrong(remedy, "the machine's own name %q %v", c.Hostname, err)
	case err != nil:
		at.wrong(remedy, "hostname %q %v", c.Hostname, err)
	}
}

// checkStateDir does not require that the folder exists: the program creates
// it.
func checkStateDir(c *Config, _ Machine, r report) {
	if c.StateDir == "" || strings.ContainsRune(c.StateDir, 0) {
		r.in("state_dir").wrong("write a folder that the program may write to, such as "+Default().StateDir, "state_dir names no folder")
	}
}

// checkUser does not look the user up: the file may be for another machine.
func checkUser(c *Config, _ Machine, r report) {
	if c.User == "root" || strings.ContainsAny(c.User, ": \t\n\x00") {
		r.in("user").wrong("write the name of a system user without rights, such as letterlock", "user %q is not such a user", c.User)
	}
}

// checkCertificates checks the paths and that the files exist. Whether key and
// chain match is checked when they are loaded.
func checkCertificates(c *Config, m Machine, r report) { checkPairs(c.Certificates, m, r) }

func checkPairs(pairs []Certificate, m Machine, r report) {
	for i, cert := range pairs {
		checkPair(cert, m, r.in("certificates", i))
	}
}

func checkPair(cert Certificate, m Machine, at report) {
	switch {
	case cert.Cert == "":
		at.in("cert").wrong(at.either("write cert: and the file with the certificate chain, leaf first", "set LETTERLOCK_CERT to the file with the certificate chain, leaf first"),
			"the private key has no certificate")
	case cert.Key == "":
		at.in("key").wrong(at.either("write key: and the file with the private key", "set LETTERLOCK_KEY to the file with the private key"),
			"the certificate has no private key")
	}
	checkReadable(m, cert.Cert, at.in("cert"))
	checkReadable(m, cert.Key, at.in("key"))
}

// checkReadable asks the machine whether a file can be read, if it knows.
func checkReadable(m Machine, path string, r report) {
	if path == "" || m.Readable == nil {
		return
	}
	if err := m.Readable(path); err != nil {
		r.wrong("correct the path, or let the user that runs the program read the file", "%q %v", path, err)
	}
}

// maxSocketPath is the longest path of a Unix socket on all systems, without the
// suffixes that tell the sockets of two processes apart during an upgrade.
const maxSocketPath = 103 - len(".4294967295~4294967295")

// checkAdmin: a path that is too long fails only when the socket is opened.
func checkAdmin(c *Config, _ Machine, r report) {
	if path := c.Admin.Socket; len(path) > maxSocketPath || strings.ContainsRune(path, 0) {
		r.in("admin").in("socket").wrong("write a shorter path, such as "+runtimeSocket, "%q is no path of a socket: it may have %d bytes", path, maxSocketPath)
	}
}
