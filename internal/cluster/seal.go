package cluster

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of a cluster key, in bytes.
const KeySize = 32

// MaxKeyText bounds the text of a cluster key, in bytes.
const MaxKeyText = 4096

var errKey = errors.New("it must hold exactly one key: 32 random bytes in base64")

// ParseKey reads a cluster key from the text of a file. Errors do not quote the text.
func ParseKey(text []byte) ([]byte, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != KeySize || len(text) > MaxKeyText {
		return nil, errKey
	}
	return key, nil
}

// Name identifies a value. Values of different kinds are never confused.
type Name struct {
	Kind string // a word of this program; it is visible in the store
	ID   string // visible to the instances only
}

// sealer encrypts values for the store.
type sealer struct {
	prefix string
	format byte
	aead   cipher.AEAD
	names  []byte // the key of the MAC of names
}

// format is the version of the format of values. A value of another version is one of
// an older or newer program, which the other instances of a rolling upgrade may run.
const format = 1

// magic is the begin of all values, in all versions; the version follows.
const magic = "LL"

// headSize is the length of a sealed value before the text: magic, version, nonce.
const headSize = len(magic) + 1 + chacha20poly1305.NonceSizeX

// maxValue bounds a value, in bytes, before it is sealed.
const maxValue = 1 << 20

// overhead is by how many bytes a sealed value is longer.
const overhead = headSize + chacha20poly1305.Overhead

func newSealer(key []byte, prefix string) (*sealer, error) {
	derive := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, key, nil, "letterlock cluster 1 "+purpose, KeySize)
	}
	values, err := derive("values")
	if err != nil {
		return nil, err
	}
	names, err := derive("names")
	if err != nil {
		return nil, err
	}
	// The nonces of XChaCha20 are long enough to be random for any number of values
	// under one key.
	aead, err := chacha20poly1305.NewX(values)
	if err != nil {
		return nil, err
	}
	return &sealer{prefix, format, aead, names}, nil
}

// key returns the key of a value in the store. The braces put all values of a prefix
// into the same slot of a Cluster, so that scripts may use several.
func (s *sealer) key(n Name) string {
	mac := hmac.New(sha256.New, s.names)
	mac.Write(additional(s.prefix, n, 0))
	return "{" + s.prefix + "}:" + n.Kind + ":" + hex.EncodeToString(mac.Sum(nil)[:16])
}

// additional is the data that is authenticated beside a value: a value is valid only
// under its own name and in its own format.
func additional(prefix string, n Name, version byte) []byte {
	return fmt.Appendf([]byte{version}, "%q %q %q", prefix, n.Kind, n.ID)
}

var errTooLong = errors.New("the value is too long")

func (s *sealer) seal(n Name, value []byte) ([]byte, error) {
	if len(value) > maxValue {
		return nil, errTooLong
	}
	sealed := make([]byte, headSize, len(value)+overhead)
	copy(sealed, append([]byte(magic), s.format))
	nonce := sealed[len(magic)+1:]
	_, _ = rand.Read(nonce) // never fails
	return s.aead.Seal(sealed, nonce, value, additional(s.prefix, n, s.format)), nil
}

// Reasons for which a value is ignored.
var (
	errForged   = errors.New("a value that this cluster has not written")
	errVersions = errors.New("a value in the format of another version")
)

func (s *sealer) open(n Name, sealed []byte) ([]byte, error) {
	switch {
	case len(sealed) < overhead, len(sealed) > maxValue+overhead, string(sealed[:len(magic)]) != magic:
		return nil, errForged
	case sealed[len(magic)] != s.format:
		return nil, errVersions
	}
	value, err := s.aead.Open(nil, sealed[len(magic)+1:headSize], sealed[headSize:], additional(s.prefix, n, s.format))
	if err != nil {
		return nil, errForged
	}
	return value, nil
}

// isNewer reports whether a sealed value is in the format of a newer version.
func (s *sealer) isNewer(sealed []byte) bool {
	return len(sealed) >= overhead && string(sealed[:len(magic)]) == magic && sealed[len(magic)] > s.format
}
