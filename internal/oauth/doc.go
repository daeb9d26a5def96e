// Package oauth provides the access tokens of an account at a mail provider
// (RFC 6749): it fetches a token, renews it before it expires, and keeps the refresh
// token in an encrypted file.
package oauth
