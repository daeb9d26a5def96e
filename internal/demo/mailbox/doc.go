// Package mailbox is the one mailbox of the demo, in memory: go-imap's
// imapmemserver, to which it adds delivery, a quota over all folders, and
// that the INBOX can be neither deleted nor renamed.
//
// A client that fetches a message and does not read it holds the mailbox until
// the library gives it up, after some minutes at most. In front of one user
// that is his own affair.
package mailbox
