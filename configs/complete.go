package configs

import (
	"fmt"
	"path/filepath"
	"strings"
)

// complete sets the values that follow from others: the hostname, ports, and
// the defaults of empty keys. It leaves malformed values to the checks.
func (c *Config) complete(m Machine, folder string) {
	if c.Hostname == "" && m.Hostname != nil {
		// An error leaves it empty, and the check of the hostname reports that.
		c.Hostname, _ = m.Hostname()
	}
	c.Hostname, c.ProbeSender = foldName(c.Hostname), foldEntry(c.ProbeSender)
	c.StateDir = inFolder(folder, c.StateDir)
	c.TicketSecret = inFolder(folder, c.TicketSecret)
	c.Admin.Socket = inFolder(folder, c.Admin.Socket)
	c.Status.Passwords, c.Status.ClientCA = inFolder(folder, c.Status.Passwords), inFolder(folder, c.Status.ClientCA)
	c.completeCluster(m, folder)
	pairsInFolder(folder, c.Certificates)
	if c.ACME != nil {
		c.completeACME(folder)
	}
	if c.MTASTS != nil {
		c.completeMTASTS()
	}
	if c.Autoconfig != nil {
		c.completeAutoconfig()
	}
	c.completeSmarthost(folder)
	for i := range c.Backends {
		c.Backends[i].CA = inFolder(folder, c.Backends[i].CA)
		c.Backends[i].ServerName = foldName(c.Backends[i].ServerName)
	}
	for i := range c.Lookups {
		c.Lookups[i].complete(folder)
	}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		l.ClientCA, l.Routes = inFolder(folder, l.ClientCA), inFolder(folder, l.Routes)
		l.RecipientsFile, l.ExceptionsFile = inFolder(folder, l.RecipientsFile), inFolder(folder, l.ExceptionsFile)
		pairsInFolder(folder, l.Certificates)
		l.complete()
		if _, named := c.backendNamed(l.Backend); named || l.Service.Outbound() {
			continue
		}
		if full, err := completeBackend(l.Backend, l.Service.BackendPort()); err == nil {
			l.Backend = full
		}
	}
	c.completeDANE()
}

// complete converts words and domains to the case in which they are compared.
func (l *Listener) complete() {
	if l.Listen == "" && l.Service.Outbound() {
		l.Listen = fmt.Sprintf("127.0.0.1:%d", l.Service.Port())
	}
	if l.Listen == "" && l.Service.known() {
		l.Listen = fmt.Sprintf(":%d", l.Service.Port())
	}
	foldCertified(l.ACMEHosts)
	l.PublicHost = foldName(l.PublicHost)
	for i, entry := range l.Recipients {
		l.Recipients[i] = foldEntry(entry)
	}
	for _, mechanisms := range [][]string{l.HideMechanisms, l.UnnamedMechanisms} {
		for i, name := range mechanisms {
			mechanisms[i] = strings.ToUpper(name)
		}
	}
}

func pairsInFolder(folder string, pairs []Certificate) {
	for i := range pairs {
		pairs[i].Cert, pairs[i].Key = inFolder(folder, pairs[i].Cert), inFolder(folder, pairs[i].Key)
	}
}

// inFolder returns a path that is relative to the configuration file as one
// relative to the working directory.
func inFolder(folder, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}
