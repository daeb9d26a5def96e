package attacks

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// forger is a client in TLS that can send records which crypto/tls would not
// send: it encrypts them with the session's keys, from the key log.
type forger struct {
	*client
	keys     bytes.Buffer
	received bytes.Buffer // from the server, as it came
	secret   []byte       // TLS 1.3: the client's traffic secret
	aead     cipher.AEAD
	iv       []byte
	seq      uint64
}

// forge makes the handshake of a client and returns a forger, which replaces the
// client.
func forge(c *client, version uint16) *forger {
	c.t.Helper()
	f := &forger{client: c}
	socket := c.socket
	c.socket = tapped{socket, &f.received}
	session := c.handshake(&tls.Config{
		ServerName: hostname, MinVersion: version, MaxVersion: version, KeyLogWriter: &f.keys,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
	c.greeting()
	c.socket = socket
	if version == tls.VersionTLS13 {
		f.use(f.logged("CLIENT_TRAFFIC_SECRET_0"), session.ConnectionState().CipherSuite)
		return f
	}
	block := prf(f.logged("CLIENT_RANDOM"), "key expansion", append(f.serverRandom(), f.clientRandom()...), 40)
	f.aead, f.iv, f.seq = gcm(c, block[:16]), block[32:36], 1 // Finished was 0
	return f
}

// tapped is a connection that records incoming bytes.
type tapped struct {
	net.Conn
	received *bytes.Buffer
}

func (t tapped) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.received.Write(p[:n])
	return n, err
}

// logged returns a secret from the key log.
func (f *forger) logged(label string) []byte {
	f.t.Helper()
	for line := range strings.Lines(f.keys.String()) {
		if fields := strings.Fields(line); fields[0] == label {
			secret, _ := hex.DecodeString(fields[2])
			return secret
		}
	}
	f.t.Fatalf("no %s in the key log", label)
	return nil
}

func (f *forger) clientRandom() []byte {
	random, _ := hex.DecodeString(strings.Fields(f.keys.String())[1])
	return random
}

// serverRandom reads the random from the first record, after the header, type,
// length and version.
func (f *forger) serverRandom() []byte {
	return bytes.Clone(f.received.Bytes()[5+4+2 : 5+4+2+32])
}

// prf is the pseudorandom function of RFC 5246 §5.
func prf(secret []byte, label string, seed []byte, n int) []byte {
	sum := func(parts ...[]byte) []byte {
		mac := hmac.New(sha256.New, secret)
		for _, part := range parts {
			mac.Write(part)
		}
		return mac.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:n]
}

// use derives the keys from a traffic secret (RFC 8446 §7.3).
func (f *forger) use(secret []byte, suite uint16) {
	f.t.Helper()
	f.secret, f.seq = secret, 0
	f.iv = expand(secret, "iv", 12)
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
		f.aead = gcm(f.client, expand(secret, "key", 16))
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		f.aead, _ = chacha20poly1305.New(expand(secret, "key", 32))
	default:
		f.t.Fatalf("cannot forge %s", tls.CipherSuiteName(suite))
	}
}

func expand(secret []byte, label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(info, byte(len("tls13 ")+len(label))), "tls13 "+label...)
	out, _ := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
	return out
}

func gcm(c *client, key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		c.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		c.t.Fatal(err)
	}
	return aead
}

// seal12 returns a record of TLS 1.2 with AES-GCM (RFC 5288 §3).
func (f *forger) seal12(kind byte, text []byte) []byte {
	seq := binary.BigEndian.AppendUint64(nil, f.seq)
	f.seq++
	nonce := append(bytes.Clone(f.iv), seq...)
	data := append(bytes.Clone(seq), kind, 3, 3, byte(len(text)>>8), byte(len(text)))
	body := append(seq, f.aead.Seal(nil, nonce, text, data)...)
	return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// seal13 returns a record of TLS 1.3 (RFC 8446 §5.2).
func (f *forger) seal13(kind byte, text []byte) []byte {
	nonce := bytes.Clone(f.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, f.seq) {
		nonce[4+i] ^= b
	}
	f.seq++
	n := len(text) + 1 + f.aead.Overhead()
	head := []byte{23, 3, 3, byte(n >> 8), byte(n)}
	return append(head, f.aead.Seal(nil, nonce, append(bytes.Clone(text), kind), head)...)
}

// keyUpdate returns a KeyUpdate and switches to the keys after it (RFC 8446
// §4.6.3, §7.2).
func (f *forger) keyUpdate(suite uint16) []byte {
	sealed := f.seal13(22, []byte{24, 0, 0, 1, 1})
	f.use(expand(f.secret, "traffic upd", 32), suite)
	return sealed
}
