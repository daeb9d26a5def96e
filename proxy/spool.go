package proxy

import (
	"os"

	"github.com/letterlock/letterlock/internal/gate"
)

// spool makes a file without a name: nothing is left of it, whatever happens.
func spool() (gate.Spool, error) {
	f, err := os.CreateTemp("", "letterlock-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
