package tickets

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Scope lists everything that decides where a session may be resumed.
// Configurations with different scopes have different keys. A resumed session
// skips the checks of a full handshake, so a Scope must have everything in
// which two listeners can differ.
type Scope struct {
	Service      string
	ALPN         []string
	Policy       tlspolicy.Policy // with its rules, which may change under the same name
	Certificates []string         // their sources; the files may be renewed under the same name
	StrictSNI    bool
	Clients      []string // how client certificates are requested, and the authorities for them
	Exception    []string // of a policy exception: its networks, and what it allows
}

// Name returns the name of the scope for Keys. Instances with the same
// configuration have the same names.
func (s Scope) Name() (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return s.Service + "/" + s.Policy.Name + "/" + hex.EncodeToString(sum[:]), nil
}

// bind makes a configuration resume a session only under the server name that
// it was made with (RFC 6066 §3). A ticket holds a digest of the name, whose
// length is fixed.
func bind(config *tls.Config) {
	config.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		session.Extra = append(session.Extra, nameMark(state.ServerName))
		return config.EncryptTicket(state, session)
	}
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := config.DecryptTicket(ticket, state)
		if session == nil || err != nil {
			return nil, err
		}
		mark := nameMark(state.ServerName)
		for _, extra := range session.Extra {
			if bytes.Equal(extra, mark) {
				return session, nil
			}
		}
		return nil, nil // a full handshake follows
	}
}

// markPrefix distinguishes this package's entry in SessionState.Extra from
// those of others.
const markPrefix = "letterlock name "

func nameMark(serverName string) []byte {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSuffix(serverName, "."))))
	return append([]byte(markPrefix), sum[:]...)
}
