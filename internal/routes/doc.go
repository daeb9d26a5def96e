// Package routes reads the file that says which backend a user's mail is at.
//
// A line holds a pattern and where the users are whom it means, with blanks
// between:
//
//	# words for the reader
//	alice@example.com    cyrus             the user of that name
//	bob                  10.0.0.7:143
//	@example.org         dovecot           all users of that domain
//	/^test[0-9]+$/       reject            a regular expression, in Go's syntax
//	*                    cyrus             all others
//
// The exact name counts first, then the domain, then the first expression that
// matches, then the star. Case does not matter, and a domain may be written with
// A-labels or U-labels; an expression may match either. What is said of users whom no
// line means is up to the caller.
package routes
