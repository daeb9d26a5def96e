package configs

import (
	"net/url"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/relayauth"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// loginLevels are the levels at which a password may be sent: the server is
// verified before.
var loginLevels = []outbound.Level{outbound.DANEOnly, outbound.Fingerprint, outbound.Verify, outbound.Secure}

// checkRelayLogin checks the login at a relay.
func checkRelayLogin(c *Config, m Machine, d Destination, r report) {
	at := r.in("login")
	if d.Login == nil {
		return
	}
	if d.NextHop == "" {
		at.misplaced(`write next_hop: "[smtp.provider.example]:587"`, "a login is for one relay, and the destination names none")
	}
	if r.in("level").given() && !slices.Contains(loginLevels, LevelOf(d.Level)) {
		r.in("level").wrong("write secure, verify, fingerprint or dane-only", "level %s does not verify the server, and the password could go to any server", d.Level)
	}
	if strings.ContainsFunc(d.Login.User, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		at.in("user").wrong("write the name without control characters", "the name of the user contains a control character")
	}
	for i, name := range d.Login.Mechanisms {
		at.in("mechanisms", i).oneOf("SASL mechanism", name, relayauth.Names(d.Login.OAuth != nil))
	}
	switch o := d.Login.OAuth; {
	case o == nil && d.Login.PasswordFile == "":
		at.wrong("write password_file, or oauth", "the login has neither a password nor oauth")
	case o == nil:
		checkReadable(m, d.Login.PasswordFile, at.in("password_file"))
	case d.Login.PasswordFile != "":
		at.in("password_file").misplaced("remove it, or oauth", "the login has both a password and oauth")
	default:
		checkOAuth(c, m, *o, at.in("oauth"))
	}
}

// checkOAuth checks where tokens come from.
func checkOAuth(c *Config, m Machine, o OAuth, at report) {
	checkGrant(c, m, o, at)
	if o.Provider == "microsoft" && o.Tenant == "" {
		at.wrong("write tenant: and the name or number of the tenant", "microsoft has no tenant")
	}
	if o.Provider != "microsoft" && o.Tenant != "" {
		at.in("tenant").misplaced("remove it, or write provider: microsoft", "tenant means nothing at this provider")
	}
	if o.TokenURL == "" && o.Grant != serviceAccount {
		at.wrong("write token_url, or provider: microsoft or google", "the provider has no token endpoint")
	}
	checkEndpoint(o.TokenURL, at.in("token_url"))
	checkEndpoint(o.DeviceURL, at.in("device_url"))
}

// checkGrant checks the keys that a grant needs.
func checkGrant(c *Config, m Machine, o OAuth, at report) {
	if o.Grant == serviceAccount {
		if o.KeyFile == "" {
			at.wrong("write key_file: and the JSON file of the service account", "the grant service_account has no key")
		}
		checkReadable(m, o.KeyFile, at.in("key_file"))
		return
	}
	if o.ClientID == "" {
		at.wrong("write client_id: and the ID of the application", "the application is not named")
	}
	if o.KeyFile != "" {
		at.in("key_file").misplaced("remove it, or write grant: service_account", "key_file means nothing for this grant")
	}
	checkReadable(m, o.ClientSecretFile, at.in("client_secret_file"))
	switch {
	case o.Grant == clientCredentials && o.ClientSecretFile == "":
		at.wrong("write client_secret_file", "the grant client_credentials needs the secret of the application")
	case o.Grant == refreshToken && c.Smarthost.TokenKeyFile == "":
		at.wrong("write smarthost: {token_key_file: FILE}, and create the file with: openssl rand -base64 48", "there is no key to encrypt the refresh token with")
	}
}

// checkEndpoint checks a URL to which secrets are sent: HTTPS, or plain HTTP on
// this machine.
func checkEndpoint(text string, at report) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())) {
		at.wrong("write an https URL", "%q is not an https URL, and secrets are sent there", text)
	}
}
