package certs

// Fault is what is wrong with a file, and what mends it.
type Fault struct {
	File   string
	What   string // the file is: certificate, key, authorities
	Err    error
	Remedy string
}

// Error names the file and what is wrong with it.
func (f *Fault) Error() string { return f.What + " " + f.File + ": " + f.Err.Error() }

// Unwrap returns the cause, which says whether the file exists.
func (f *Fault) Unwrap() error { return f.Err }
