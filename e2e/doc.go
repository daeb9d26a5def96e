// Package e2e holds no code: its tests run the real program between real
// clients and real servers. Debian's Postfix and Dovecot, in plaintext and
// with configurations of their own, are started on loopback; swaks, curl,
// openssl, gnutls-cli, msmtp, mbsync, fetchmail and Python's libraries talk to
// them through Letterlock, and testssl.sh scans it.
//
// The tests need root, because Postfix and Dovecot do, and the packages that
// the script install lists. `make test` sees to both; by hand it is
//
//	e2e/install && LETTERLOCK_E2E=1 go test ./e2e/...
//
// Without LETTERLOCK_E2E=1 what needs the servers is skipped. With it, nothing
// is: a program that is missing is a failure.
package e2e
