package oauth

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/letterlock/letterlock/internal/statefile"
)

// File keeps the refresh token of an account, encrypted with the key of another
// file, so that a copy of the state folder alone holds no usable token.
type File struct {
	Path    string
	Account string                 // its name is authenticated: files cannot be exchanged
	Key     func() ([]byte, error) // at least 32 bytes
}

const (
	fileVersion = "letterlock oauth 1"
	minKey      = 32
	maxFile     = 64 << 10 // bytes of a file
)

var errDamaged = errors.New("the file is damaged, or was encrypted with another key: run letterlock oauth login")

// Read returns the token; it is empty if there is no file.
func (f *File) Read() (token string, err error) {
	text, err := statefile.Read(f.Path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	aead, err := f.cipher()
	if err != nil {
		return "", err
	}
	if len(text) < aead.NonceSize() {
		return "", fmt.Errorf("%s: %w", f.Path, errDamaged)
	}
	plain, err := aead.Open(nil, text[:aead.NonceSize()], text[aead.NonceSize():], []byte(fileVersion+"\x00"+f.Account))
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.Path, errDamaged)
	}
	return string(plain), nil
}

// version changes when the file is replaced.
func (f *File) version() string {
	info, err := os.Stat(f.Path)
	if err != nil {
		return ""
	}
	return info.ModTime().String()
}

// Write replaces the token.
func (f *File) Write(token string) error {
	aead, err := f.cipher()
	if err != nil {
		return err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	text := aead.Seal(nonce, nonce, []byte(token), []byte(fileVersion+"\x00"+f.Account))
	return statefile.Replace(f.Path, text)
}

// cipher returns the cipher of the key file.
func (f *File) cipher() (cipher.AEAD, error) {
	secret, err := f.Key()
	if err != nil {
		return nil, err
	}
	if len(secret) < minKey {
		return nil, fmt.Errorf("the key that encrypts tokens has %d bytes; write at least %d random bytes", len(secret), minKey)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, fileVersion, chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.NewX(key)
}
