package app

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/internal/sts"
	"github.com/letterlock/letterlock/internal/tlsreport"
	"github.com/letterlock/letterlock/internal/tlsreport/days"
	"github.com/letterlock/letterlock/internal/tlsreport/send"
	"github.com/letterlock/letterlock/smtp/smarthost"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// reporter passes the results of TLS of the smarthosts of a generation on.
type reporter struct {
	*tlsreport.Reporter
	way tlsreport.Way
}

func (r reporter) report(s tlsreport.Session) { r.Report(s, r.way) }

// reporterOf returns the reporter of a generation, and creates the sender of reports if
// the configuration has one.
func (m *maintenance) reporterOf(c *configs.Config, finder *nexthop.Finder) (reporter, error) {
	if m.reportWay == nil {
		var outputs tlsreport.Outputs
		if t := c.Smarthost.TLSRPT; t.Socket != "" {
			outputs = append(outputs, tlsreport.Collector{Socket: t.Socket})
		}
		if c.Smarthost.TLSRPT.Sends() {
			if err := m.reportDaily(c, finder); err != nil {
				return reporter{}, err
			}
			outputs = append(outputs, m.days)
		}
		m.reportWay = &tlsreport.Way{DNS: finder.DNS, Output: outputs}
	}
	return reporter{m.reports, *m.reportWay}, nil
}

// reportDaily creates the sender of reports. The store of the previous generation is
// kept if its file is the same, because it may hold results that are not in the file.
func (m *maintenance) reportDaily(c *configs.Config, finder *nexthop.Finder) error {
	t := c.Smarthost.TLSRPT
	if _, err := readDKIM(t.DKIM.KeyFile); err != nil {
		return fmt.Errorf("smarthost.tlsrpt.dkim.key_file: %w", err)
	}
	if file := filepath.Join(c.StateDir, "tlsrpt.db"); m.days == nil || m.days.File() != file {
		m.days = days.New(file, c.Hostname, time.Now)
	}
	m.sender = send.New(send.Options{
		Days: m.days, DNS: finder.DNS, Mail: newReportMail(c, finder, m), Web: sts.NewWeb(finder.DNS, finder.Guard, finder.Roots).Client,
		Name: c.Hostname, From: t.From, Organization: t.Organization,
		DKIM: send.DKIM{Domain: t.DKIM.Domain, Selector: t.DKIM.Selector, Key: func() (crypto.Signer, error) { return readDKIM(t.DKIM.KeyFile) }},
		Log:  m.log, Count: m.outbound.Report, Now: time.Now,
	})
	m.jobs = append(m.jobs, func(time.Time) { m.sender.Work() })
	return nil
}

var (
	errNotPEM  = errors.New("it is not a PEM file with a private key")
	errKeyKind = errors.New("the key is neither RSA nor Ed25519")
)

// readDKIM reads the private key of DKIM signatures.
func readDKIM(file string) (crypto.Signer, error) {
	text, err := readSecret(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: %w", file, errNotPEM)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, errNotPEM)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("%s: %w", file, errKeyKind)
}

// ReportKey returns the public key of the signatures of reports; nil if the proxy sends
// none.
func ReportKey(c *configs.Config) (crypto.PublicKey, error) {
	if c.Smarthost == nil || !c.Smarthost.TLSRPT.Sends() {
		return nil, nil
	}
	key, err := readDKIM(c.Smarthost.TLSRPT.DKIM.KeyFile)
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

// result passes a result on, in the terms of a report. A domain whose MTA-STS policy
// could not be had, or whose TLSA records cannot be used, gets a second one about that.
func (r reporter) result(t smarthost.TLSResult) {
	ip, _, err := net.SplitHostPort(t.Server.Address)
	if err != nil && t.Server.Address != "" {
		return
	}
	s := tlsreport.Session{
		Domain: t.Domain, Policy: publishedPolicy(t.Domain, t.Terms), Server: tlsreport.Server{Host: t.Server.Host, IP: ip}, Sender: t.Local, Err: t.Err,
	}
	switch {
	case t.NoOffer:
		s.Err = tlsreport.ErrNoSTARTTLS
	case t.Terms.Level == outbound.DANEOnly && t.Terms.Unusable == nil:
		s.Err = tlsreport.ErrNoTLSA
	case t.Terms.Level == outbound.DANEOnly:
		s.Err = tlsreport.ErrTLSAUnusable
	case t.Terms.Level == outbound.DANE && len(t.Terms.Records) == 0:
		s.Err = fmt.Errorf("%w: %w", tlsreport.ErrTLSALookup, t.Err)
	}
	r.report(s)
	if u := t.Terms.Unusable; u != nil && t.Terms.Level != outbound.DANEOnly {
		r.report(tlsreport.Session{Domain: t.Domain, Policy: policyOfRecords(u.Base, u.Records), Server: s.Server, Sender: s.Sender, Err: tlsreport.ErrTLSAUnusable})
	}
	if u := t.Terms.Unavailable; u != nil {
		r.report(tlsreport.Session{Domain: t.Domain, Policy: tlsreport.Policy{Kind: tlsreport.STS, Domain: t.Domain}, Err: u})
	}
}

// publishedPolicy returns the policy that the terms for a server of a domain come from.
func publishedPolicy(domain string, terms outbound.Terms) tlsreport.Policy {
	switch {
	case terms.Level == outbound.DANEOnly && terms.Unusable != nil:
		return policyOfRecords(terms.Unusable.Base, terms.Unusable.Records)
	case terms.Level == outbound.DANE, terms.Level == outbound.DANEOnly:
		return policyOfRecords(terms.ServerName, terms.Records)
	case terms.STS != nil:
		return tlsreport.Policy{Kind: tlsreport.STS, Domain: domain, Lines: strings.Split(strings.TrimSuffix(terms.STS.Text(), "\r\n"), "\r\n"), MX: terms.STS.MX}
	}
	return tlsreport.Policy{Kind: tlsreport.NoPolicy, Domain: domain}
}

// policyOfRecords returns the policy of the TLSA records at a name.
func policyOfRecords[R fmt.Stringer](base string, records []R) tlsreport.Policy {
	p := tlsreport.Policy{Kind: tlsreport.TLSA, Domain: base}
	for _, r := range records {
		p.Lines = append(p.Lines, r.String())
	}
	return p
}
