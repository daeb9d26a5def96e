// Package sts knows the MTA-STS policies of other domains (RFC 8461): it asks
// DNS whether there is one, fetches it by HTTPS, and keeps it for as long as
// the domain says, over restarts too, so that nobody who can keep a policy
// back for a moment can do away with it.
package sts
