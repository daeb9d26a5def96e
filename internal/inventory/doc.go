// Package inventory records in one file which TLS each client has used, so that
// an administrator can see which clients a stricter policy would refuse before
// it is in force. The package knows policies but no sessions: the caller
// reports these.
//
// The file survives a crash at any moment, except for the records of the last
// second. It is opened for each write and closed afterwards, so that another
// process can read it while the proxy runs. Its entries are bounded in number
// and age.
package inventory
