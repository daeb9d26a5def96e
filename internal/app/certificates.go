package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/certs"
)

// stores are the certificates of listeners, by configs.Served.Key.
type stores map[string]*certs.Store

// of returns the store of a listener.
func (s stores) of(l Service) *certs.Store {
	if store := s[l.tls.served]; store != nil {
		return store
	}
	return certs.NewStore(nil) // in a rehearsal there are no handshakes
}

// certificates loads the configured certificates, or a self-signed pair, and
// schedules reloading and renewal.
func (m *maintenance) certificates(c *configs.Config) (stores, error) {
	all := stores{}
	for _, served := range c.Served() {
		store, err := m.store(c, served)
		if err != nil {
			return nil, err
		}
		all[served.Key()] = store
	}
	return all, nil
}

func (m *maintenance) store(c *configs.Config, served configs.Served) (*certs.Store, error) {
	switch {
	case served.SelfSigned():
		return m.selfSigned(c)
	case len(served.Files) == 0:
		return certs.NewStore(nil), nil // newACME fills it
	}
	files := CertificateFiles(served)
	keeper, err := certs.NewKeeper(files)
	if err != nil {
		return nil, err
	}
	for _, before := range m.before {
		if err := keeper.Follow(before, time.Now()); err != nil {
			return nil, err
		}
	}
	m.pairs = append(m.pairs, keeper)
	for i, f := range files {
		load := func() error { return m.reloadPair(keeper, i) }
		if err := m.files.Add(load, f.Cert, f.Key); err != nil {
			return nil, err
		}
	}
	m.jobs = append(m.jobs, m.warnDaily(keeper))
	return keeper.Store, nil
}

// CertificateFiles lists the pairs of files of a set.
func CertificateFiles(served configs.Served) []certs.File {
	files := make([]certs.File, len(served.Files))
	for i, f := range served.Files {
		files[i] = certs.File{Cert: f.Cert, Key: f.Key}
	}
	return files
}

// inspect returns the inspection of a set. It checks the trust only if this
// machine has root certificates; a bare container has none. It checks the
// hostname in the general set only, and not if a CA certifies that name.
func inspect(c *configs.Config, served configs.Served) certs.Inspection {
	in := certs.Inspection{Now: time.Now()}
	if served.General && !served.Certified(c.Hostname) {
		in.Hostname = c.Hostname
	}
	if roots, err := x509.SystemCertPool(); err == nil {
		in.Roots = roots
	}
	return in
}

// CertificateWarnings lists the problems that clients will have with the
// certificates. The certificates from files come first in loaded.
func CertificateWarnings(c *configs.Config, served configs.Served, loaded []tls.Certificate) []configs.Warning {
	files := CertificateFiles(served)
	var all []configs.Warning
	for _, f := range inspect(c, served).Files(files, loaded[:len(files)]) {
		key, text := served.Path, f.Text
		remedy := fmt.Sprintf("get a certificate that is for %s, or give a hostname that one is for", c.Hostname)
		if i := slices.IndexFunc(files, func(file certs.File) bool { return file.Cert == f.File }); i >= 0 {
			key, text = fmt.Sprintf("%s[%d].cert", key, i), "certificate "+f.String()
			remedy = ""
		}
		all = append(all, configs.Warning(*c.Wrong(key, text, remedy)))
	}
	return all
}

// reloadPair reads a pair of files again, and logs if the certificate changed.
func (m *maintenance) reloadPair(keeper *certs.Keeper, i int) error {
	changed, err := keeper.Reload(i, time.Now())
	if err != nil || !changed {
		return err
	}
	m.log.Info("certificate replaced", "file", keeper.Files[i].Cert, "certificate", certs.Facts(keeper.Store.Certificates()[i], time.Now()))
	return nil
}

// warnDaily warns once a day about certificates that expire soon or have expired.
func (m *maintenance) warnDaily(keeper *certs.Keeper) func(time.Time) {
	next := time.Now().Add(24 * time.Hour)
	return func(now time.Time) {
		if now.Before(next) {
			return
		}
		next = now.Add(24 * time.Hour)
		in := certs.Inspection{Now: now}
		for i, cert := range keeper.Store.Certificates()[:len(keeper.Files)] {
			in.Validity(cert.Leaf, func(text string) { m.log.Warn("certificate: "+text, "file", keeper.Files[i].Cert) })
		}
	}
}

// selfSigned sets up a self-signed pair and its renewal.
func (m *maintenance) selfSigned(c *configs.Config) (*certs.Store, error) {
	pair, err := certs.Kept(c.StateDir, c.Hostname)
	if pair == nil {
		return nil, err
	}
	if err != nil {
		m.log.Warn("self-signed certificates", "error", err)
	}
	store := certs.NewStore(pair)
	m.jobs = append(m.jobs, func(now time.Time) { m.renewSelfSigned(c, store, now) })
	return store, nil
}

func (m *maintenance) renewSelfSigned(c *configs.Config, store *certs.Store, now time.Time) {
	if !certs.Due(store.Certificates(), now) {
		return
	}
	pair, err := certs.Kept(c.StateDir, c.Hostname)
	if err != nil {
		m.log.Warn("self-signed certificates", "error", err)
	}
	if pair != nil {
		store.Replace(pair)
		m.log.Info("self-signed certificate renewed", "certificate", certs.Facts(pair[0], now))
	}
}
