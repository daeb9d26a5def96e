// Package e2e holds no code: its tests run the real program between real
// clients and real servers. Debian's Postfix, Dovecot, Exim and Cyrus, in
// plaintext and with configurations of their own, run on loopback; swaks, curl,
// openssl, gnutls-cli, msmtp, mbsync, fetchmail and Python's libraries talk to
// them through Letterlock, and testssl.sh scans it.
//
// The servers are not those of this machine. The script root unpacks each in a
// Debian of its own outside the checkout, and the script enter starts it there,
// in namespaces that end with it.
//
// The tests need root, because the servers and the namespaces do, and what the
// script install sees to. `make test` sees to both; by hand it is
//
//	e2e/install && LETTERLOCK_E2E=1 go test ./e2e/...
//
// Without LETTERLOCK_E2E=1 what needs the servers is skipped. With it, nothing
// is: a program that is missing is a failure.
package e2e
