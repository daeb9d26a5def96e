package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/nameserver"
)

// TestRelayByToken checks that the smarthost gets a token for its client secret, and that
// Dovecot's submission server accepts it by both mechanisms, and refuses that of another
// user. No token is in the log.
func TestRelayByToken(t *testing.T) {
	b := believers(t)
	dns := nameserver.New(t)
	dns.Set("localhost", &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}})
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, secret := r.FormValue("client_id"), r.FormValue("client_secret") // as at Microsoft
		if r.FormValue("grant_type") != "client_credentials" || secret != "secret-of-"+user {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token(user), "token_type": "Bearer", "expires_in": 3600})
	}))
	t.Cleanup(endpoint.Close)
	destinations := ""
	for sender, client := range map[string]string{"xoauth2": "token-user", "oauthbearer": "token-user", "wrong": "another-user"} {
		mechanism := strings.ToUpper(sender)
		if sender == "wrong" {
			mechanism = "XOAUTH2"
		}
		destinations += fmt.Sprintf(`
    - domains: ["*"]
      senders: [%s@relayed.example]
      next_hop: "[localhost]:%d"
      login: {user: token-user, mechanisms: [%s], oauth: {grant: client_credentials, client_id: %s, client_secret_file: %s, token_url: %q}}`,
			sender, b.Ports.Submission, mechanism, client, privateFile(t, "secret-of-"+client), endpoint.URL)
	}
	proxy := serveCustom(t, fmt.Sprintf("smarthost:\n  resolvers: [%q]\n  ca: %s\n  destinations:%s", dns.Address, shared.caFile, destinations),
		world.Listener{Name: "smarthost", Service: "smarthost"})
	for _, sender := range []string{"xoauth2", "oauthbearer"} {
		t.Run(sender, func(t *testing.T) {
			marked := b.Dovecot.Log.Mark()
			run(t, "swaks", "--server", proxy.Address("smarthost"), "--from", sender+"@relayed.example", "--to", "joe@example.com")
			awaitIn(t, b.Dovecot, marked, "Login: user=<token-user>", "method="+strings.ToUpper(sender), "TLS")
		})
	}
	t.Run("another user's token", func(t *testing.T) {
		mark := proxy.Log.Mark()
		tool{fails: true}.run(t, "swaks", "--server", proxy.Address("smarthost"), "--from", "wrong@relayed.example", "--to", "joe@example.com")
		awaitIn(t, proxy.Process, mark, "mail deferred", "451 4.7.8", "refused the login of token-user")
	})
	if log := strings.Join(proxy.Log.Since(0), "\n"); strings.Contains(log, token("token-user")[:40]) || strings.Contains(log, "secret-of-") {
		t.Error("a token or a secret is in the log")
	}
}
