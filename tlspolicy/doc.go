// Package tlspolicy decides what TLS may be negotiated, and which sessions are
// strong enough for a login. It holds values: named policies, the versions,
// suites and groups that they allow, and the crypto/tls configurations that
// follow from them. It opens no socket, reads no file and starts no goroutine;
// nor do the packages below it.
//
// The API of this package, of the packages below it and of configs is stable by
// semantic versioning, from version 1.0 on. All other packages are parts of the
// program and may change with each release.
//
// The policies follow Mozilla's Server Side TLS 6.0, RFC 9325, RFC 8314 and
// RFC 8997; where the alternative to weak TLS is no TLS (port 25), RFC 7435
// and RFC 9325 §5.2.
package tlspolicy
