package certs

// Fault is an error in a file, and its remedy.
type Fault struct {
	File   string
	What   string // the kind of file: certificate, key, authorities
	Err    error
	Remedy string
}

// Error names the file and describes the error.
func (f *Fault) Error() string { return f.What + " " + f.File + ": " + f.Err.Error() }

// Unwrap returns the cause, by which the caller can tell whether the file exists.
func (f *Fault) Unwrap() error { return f.Err }
