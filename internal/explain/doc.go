// Package explain describes what happened to a user, a client or a session, and
// what an administrator can do about it.
//
// It holds values only: the caller collects the facts from the running proxy and from
// the inventory.
package explain
