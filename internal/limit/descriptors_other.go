//go:build !unix

package limit

// OpenFiles reports that the number of files that the process may have open is not
// known on this system.
func OpenFiles() (n int, known bool) { return 0, false }
