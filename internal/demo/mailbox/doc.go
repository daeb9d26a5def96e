// Package mailbox is the mailbox of the demo, in memory: go-imap's
// imapmemserver with delivery and a quota over all folders. The INBOX can be
// neither deleted nor renamed.
//
// A client that fetches a message and does not read it locks the mailbox until
// the library gives up, after some minutes at most. The mailbox has one user,
// so that concerns no one else.
package mailbox
