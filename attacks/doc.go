// Package attacks holds no code: its tests try the attacks that are known on
// STARTTLS and on mail proxies against the whole of Letterlock, over real
// sockets and with real TLS, one test for each row of docs/attacks.md.
//
// Behind the proxy stand backends that trust it as Postfix, Dovecot, Cyrus and
// Courier can be made to: they believe XCLIENT, log everybody in, run what
// stands behind a literal, and end a message at LF, dot, LF. They record every
// byte. Each test asks twice: what was the client told, and what has the
// backend seen.
//
// That each test fails without the defence it is for is proven in mutants: it
// takes the defences out of the proxy, one by one. Whoever adds a row or a
// defence adds a mutant, and sees it killed.
//
// The payloads stand in testdata, one a line, as Go strings without their
// quotes.
package attacks
