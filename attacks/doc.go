// Package attacks contains only tests. They run the known attacks on STARTTLS
// and on mail proxies against the whole of Letterlock, over real sockets and
// with real TLS, at least one test for each row of docs/attacks.md.
//
// The backends trust the proxy as Postfix, Dovecot, Cyrus and Courier can be
// configured to: they accept XCLIENT and every login, run the content of
// literals as commands, and end a message at LF, dot, LF. They record every
// byte. Each test checks the replies that the client received, and the bytes
// that the backend received.
//
// The program in mutants proves that each test fails without the defence that
// it tests: it removes the defences from the proxy, one by one. A change that
// adds a row or a defence adds a mutant, too.
//
// The payloads are in testdata, one a line, as Go strings without quotes.
package attacks
