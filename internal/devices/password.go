package devices

import (
	"bufio"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// Passwords are the hashes in a file, by the name of the device.
type Passwords struct {
	file    string
	present atomic.Pointer[map[string]hash]
	loads   atomic.Uint64
}

// NewPasswords returns the passwords of a file, which Load reads.
func NewPasswords(file string) *Passwords { return &Passwords{file: file} }

// hash is a password that Argon2id has hashed (RFC 9106).
type hash struct {
	time, memory uint32 // memory in KiB
	threads      uint8
	salt, sum    []byte
}

// The parameters of new hashes are those that OWASP's cheat sheet on the storage of
// passwords gives for Argon2id.
const (
	hashTime    = 2
	hashMemory  = 19 << 10
	hashThreads = 1
	hashSalt    = 16
	hashSum     = 32
)

// The greatest parameters of a hash in a file, so that a login costs at most some
// hundred milliseconds.
const (
	maxTime    = 10
	maxMemory  = 256 << 10
	maxThreads = 16
	maxSum     = 64
)

// maxFile bounds a file of passwords, in bytes: enough for some ten thousand devices.
const maxFile = 2 << 20

// Line returns the line of a file for a device and its password.
func Line(name, password string) (string, error) {
	salt := make([]byte, hashSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	h := hash{time: hashTime, memory: hashMemory, threads: hashThreads, salt: salt}
	h.sum = h.of(password, hashSum)
	return name + ":" + h.String(), nil
}

// of hashes a password with the parameters of the hash.
func (h hash) of(password string, size int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(size)) //nolint:gosec // at most maxSum
}

// String returns the hash in the form that libsodium, PHP and Dovecot use:
// $argon2id$v=19$m=19456,t=2,p=1$salt$sum.
func (h hash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

var (
	errForm       = errors.New("it is not a hash of Argon2id; letterlock password makes such a line")
	errParameters = errors.New("the parameters of the hash are out of bounds")
	errNoName     = errors.New("the line has no name and colon")
	errTwice      = errors.New("the name is in an earlier line too")
	errLong       = errors.New("the file is too long")
)

// parseHash reads the form of String.
func parseHash(text string) (h hash, err error) {
	fields := strings.Split(text, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" {
		return h, errForm
	}
	var version int
	if _, err := fmt.Sscanf(fields[2], "v=%d", &version); err != nil || version != argon2.Version {
		return h, errForm
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return h, errForm
	}
	if h.salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err != nil {
		return h, errForm
	}
	if h.sum, err = base64.RawStdEncoding.DecodeString(fields[5]); err != nil {
		return h, errForm
	}
	const shortest = 16
	if h.time == 0 || h.time > maxTime || h.memory < 8 || h.memory > maxMemory || h.threads == 0 || h.threads > maxThreads ||
		len(h.salt) < 8 || len(h.sum) < shortest || len(h.sum) > maxSum {
		return h, errParameters
	}
	return h, nil
}

// Load reads the file. If it fails, the passwords that were read before stay in use.
// An error names the line, but never its content.
func (p *Passwords) Load() error {
	f, err := os.Open(p.file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	read, err := parse(f)
	if err != nil {
		return fmt.Errorf("%s: %w", p.file, err)
	}
	p.present.Store(&read)
	p.loads.Add(1)
	return nil
}

// Loads returns how often the file was read.
func (p *Passwords) Loads() uint64 { return p.loads.Load() }

// parse reads lines of a name, a colon and a hash. Empty lines and those that begin
// with # are skipped.
func parse(r io.Reader) (map[string]hash, error) {
	all := map[string]hash{}
	limited := &io.LimitedReader{R: r, N: maxFile + 1}
	lines := bufio.NewScanner(limited)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, text, found := strings.Cut(line, ":")
		h, err := parseHash(text)
		switch _, twice := all[name]; {
		case !found || name == "":
			err = errNoName
		case twice:
			err = errTwice
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all[name] = h
	}
	if limited.N == 0 {
		return nil, errLong
	}
	return all, lines.Err()
}

// Has reports whether the file has a password for a name.
func (p *Passwords) Has(name string) bool {
	all := p.present.Load()
	if all == nil {
		return false
	}
	_, has := (*all)[name]
	return has
}

// Verify reports whether a password is that of a name. For an unknown name it
// computes a hash too.
func (p *Passwords) Verify(name, password string) bool {
	h := hash{time: hashTime, memory: hashMemory, threads: hashThreads, salt: make([]byte, hashSalt), sum: make([]byte, hashSum)}
	known := false
	if p != nil {
		if all := p.present.Load(); all != nil {
			if own, has := (*all)[name]; has {
				h, known = own, true
			}
		}
	}
	return subtle.ConstantTimeCompare(h.of(password, len(h.sum)), h.sum) == 1 && known
}
