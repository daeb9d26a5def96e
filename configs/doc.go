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
// The package opens no sockets and reads no certificates; that the files named
// exist is asked of a [Machine].
package configs
