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

// Scope is all that decides which sessions may be resumed where. Configurations
// whose scopes differ in anything have different keys. A resumed session skips
// what a full handshake checks, so whatever differs between two listeners must
// be in it.
type Scope struct {
	Service      string
	ALPN         []string
	Policy       tlspolicy.Policy // with its rules: they may change under one name
	Certificates []string         // where they come from; files may be renewed under one name
	StrictSNI    bool
	Clients      []string // how client certificates are asked for, and whose count
	Exception    []string // of a policy exception: whom it is for, and what it allows
}

// Name names the scope for Keys. Instances with the same configuration have the
// same names.
func (s Scope) Name() (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return s.Service + "/" + s.Policy.Name + "/" + hex.EncodeToString(sum[:]), nil
}

// bind lets a session be resumed only under the server name that it began with
// (RFC 6066 §3). A ticket remembers a digest of the name, as names have any
// length.
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

// markPrefix tells our mark from what others may put into a session.
const markPrefix = "letterlock name "

func nameMark(serverName string) []byte {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSuffix(serverName, "."))))
	return append([]byte(markPrefix), sum[:]...)
}
