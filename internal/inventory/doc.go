// Package inventory keeps, in one file, which clients have come with which
// TLS, so that one can ask whom a stricter policy would refuse before it is in
// force. It knows policies and nothing of sessions: somebody tells it.
//
// The file survives a crash at any moment, but for the last second. It is
// opened for each write and closed behind it, so that another process can read
// it while the proxy runs. What is in it is bounded in number and age.
package inventory
