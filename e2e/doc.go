// Package e2e contains only tests: they run the program between real clients
// and real servers. Debian's Postfix, Dovecot, Exim and Cyrus run on loopback,
// in plaintext and with the tests' configurations. swaks, curl, openssl,
// gnutls-cli, msmtp, mbsync, fetchmail and Python's libraries connect to them
// through Letterlock, and testssl.sh scans it.
//
// The servers are not installed on this machine. The script root unpacks each
// server in its own Debian outside the checkout, and the script enter starts
// the server there, in namespaces that end with it.
//
// The tests need root, because the servers and the namespaces do, and the
// programs that the script install installs. `make test` does both; to run the
// tests by hand:
//
//	e2e/install --slow && LETTERLOCK_E2E=1 go test ./e2e/...
//
// Without LETTERLOCK_E2E=1 the tests that need the servers are skipped. With it
// no test is skipped: a missing program is a failure.
package e2e
