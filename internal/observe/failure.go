package observe

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy"
)

// The classes of failed handshakes, as far as the administrator can do
// something about them.
const (
	noVersion   = "version"
	noSuite     = "suite"
	noGroup     = "group"
	noProtocol  = "alpn"
	fallback    = "fallback"
	noName      = "name"
	unknownCA   = "unknown-ca"
	certificate = "certificate"
	noClient    = "client-certificate"
	alert       = "alert"
	timeout     = "timeout"
	gone        = "gone"
	notTLS      = "not-tls"
	other       = "other"
)

// failures has a row for each class. words is a part of the error text of
// crypto/tls, which has no other sign for these errors; a test makes such
// handshakes to check the texts.
var failures = []struct{ class, about, words string }{
	{noVersion, "no TLS version in common", "client offered only unsupported versions"},
	{noSuite, "no cipher suite in common", "no cipher suite supported by both client and server"},
	{noGroup, "no key exchange group in common", "no key exchanges supported by both client and server"},
	{noProtocol, "the client wants another protocol (ALPN)", "client requested unsupported application protocols"},
	{fallback, "the client had fallen back to an older version", "inappropriate protocol fallback"},
	{noName, "the client asks for a name that is not served, or for none", "no certificates configured"},
	{unknownCA, "the client does not know the authority of the certificate", ""},
	{certificate, "the client does not accept the certificate, for another reason", ""},
	{noClient, "the client itself has no valid certificate, which is required", ""},
	{alert, "the client broke off with another alert", ""},
	{timeout, "the client was silent for too long", ""},
	{gone, "the client closed the connection", ""},
	{notTLS, "what the client sent is not TLS", ""},
	{other, "another error; see the log", ""},
}

// AboutFailure describes a class of FailureOf in words.
func AboutFailure(class string) string {
	for _, f := range failures {
		if f.class == class {
			return f.about
		}
	}
	return ""
}

// FailedByPolicy reports whether handshakes of a class fail because of the
// policy.
func FailedByPolicy(class string) bool {
	return slices.Contains([]string{noVersion, noSuite, noGroup, fallback}, class)
}

// FailureOf returns the class of a handshake's error: see failures.
func FailureOf(err error) string {
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		return alertOf(remote.Err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return notTLS
	}
	if _, ok := errors.AsType[wire.Foreign](err); ok {
		return notTLS
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return timeout
	case isClosed(err):
		return gone
	}
	if _, ok := errors.AsType[*tlspolicy.ClientCertificateError](err); ok {
		return noClient
	}
	for _, f := range failures {
		if f.words != "" && strings.Contains(err.Error(), f.words) {
			return f.class
		}
	}
	return other
}

// rejections are the alerts about certificates (RFC 8446 §6.2), from
// bad_certificate to certificate_unknown, and unknown_ca.
var (
	rejections     = []tls.AlertError{42, 43, 44, 45, 46}
	unknownCAAlert = tls.AlertError(48)
)

// alertOf compares texts: over TCP crypto/tls returns alerts as an unexported
// type.
func alertOf(err error) string {
	if err.Error() == unknownCAAlert.Error() {
		return unknownCA
	}
	if slices.ContainsFunc(rejections, func(a tls.AlertError) bool { return a.Error() == err.Error() }) {
		return certificate
	}
	return alert
}

// isClosed reports whether the connection was closed during the handshake.
func isClosed(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE},
		func(closed error) bool { return errors.Is(err, closed) })
}
