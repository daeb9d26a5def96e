package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret bounds a file with a secret, in bytes. Keys and tokens have fewer than a
// thousand.
const maxSecret = 64 << 10

var (
	errLongSecret = errors.New("it is longer than 64 KiB")
	errEmptyLine  = errors.New("its first line is empty")
)

// readSecret reads a file with a secret. Errors do not quote it.
func readSecret(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = errLongSecret
	}
	return text, err
}

// readPassword reads a file whose first line is a password.
func readPassword(file string) (string, error) {
	text, err := readSecret(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("%s: %w", file, errEmptyLine)
	}
	return line, nil
}
