package configs

import (
	"net/netip"
	"strings"
)

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

func checkStateDir(c *Config, _ Machine, r report) {
	if c.StateDir == "" || strings.ContainsRune(c.StateDir, 0) {
		r.in("state_dir").wrong("write a folder that the program may write to, such as "+Default().StateDir, "state_dir names no folder")
	}
}

func checkCertificates(c *Config, m Machine, r report) {
	for i, cert := range c.Certificates {
		at := r.in("certificates", i)
		switch {
		case cert.Cert == "":
			at.wrong("write cert: and the file with the certificate chain, leaf first", "the certificate has no cert")
		case cert.Key == "":
			at.wrong("write key: and the file with the private key", "the certificate has no key")
		}
		checkReadable(m, cert.Cert, at.in("cert"))
		checkReadable(m, cert.Key, at.in("key"))
	}
}

func checkReadable(m Machine, path string, r report) {
	if path == "" || m.Readable == nil {
		return
	}
	if err := m.Readable(path); err != nil {
		r.wrong("correct the path, or let the user that runs the program read the file", "%q %v", path, err)
	}
}

func checkLog(c *Config, _ Machine, r report) {
	at := r.in("log")
	at.in("format").oneOf("log format", c.Log.Format, logFormats)
	at.in("level").oneOf("log level", c.Log.Level, logLevels)
}
