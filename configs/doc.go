// Package configs holds the configuration: its shape as Go values, its
// defaults, and the strict reading of the file or the environment it comes
// from.
//
// A configuration is loaded in three steps. The YAML text is decoded, every
// key and type checked; what was left out is filled in; then each rule of
// the check tables looks at the result. All that is wrong is reported at
// once, as [Errors], each with its place and with what to write instead, so
// that one edit can mend it all.
//
// The package opens no sockets and reads no certificates; a [Machine] checks that
// the named files exist.
//
// The API of this package, of tlspolicy and of the packages below tlspolicy is
// stable by semantic versioning, from version 1.0 on. All other packages are
// parts of the program and may change with each release.
package configs
