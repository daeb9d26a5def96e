package access

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
)

// TokenHeader is the header in which the page's script sends the token of Token.
const TokenHeader = "X-Letterlock-Token" //nolint:gosec // the name of a header

func newToken() string { return rand.Text() }

// Token returns what an action must send in TokenHeader. Only a page of this process
// has it.
func (g *Guard) Token() string { return g.token }

// Actions passes on the requests that change something: those of an administrator
// who has logged in, from a page of this process. A browser sends passwords and
// certificates by itself, even if another site has made it send the request.
func (g *Guard) Actions(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case Name(r.Context()) == "":
			http.Error(w, "actions need a password: set status.passwords", http.StatusForbidden)
		case subtle.ConstantTimeCompare([]byte(r.Header.Get(TokenHeader)), []byte(g.token)) != 1:
			http.Error(w, "the page is of another process: load it again", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
