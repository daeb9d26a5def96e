// Package admin serves the administrator's API, HTTP on a Unix socket, and calls it.
//
// A process that can open the socket may see and end every session: the mode of the file is
// the only access control. docs/admin.md documents the requests. Within a version,
// which is the first part of each path, fields and requests are only added.
package admin
