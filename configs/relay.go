package configs

import "github.com/letterlock/letterlock/tlspolicy/outbound"

// RelayLogin is an account at a relay.
type RelayLogin struct {
	// The user's name at the relay.
	User string `yaml:"user" required:"true" example:"erp@example.com | | scanner@example.com | scanner@example.net"`

	// A file whose first line is the password. It is read again when it changes.
	// Required, unless there is oauth.
	PasswordFile string `yaml:"password_file" example:"/etc/letterlock/relay-password"`

	// An OAuth access token instead of a password. Default: none.
	OAuth *OAuth `yaml:"oauth" example:" | | {} | {}"`

	// The SASL mechanisms that may be used. Default: the best that the relay
	// offers.
	Mechanisms []string `yaml:"mechanisms" min:"1" example:"[SCRAM-SHA-256, PLAIN]"`
}

// OAuth names where the access tokens of an account come from (RFC 6749).
type OAuth struct {
	// The provider, which determines token_url, device_url and scopes: microsoft,
	// google or other.
	Provider string `yaml:"provider" default:"other" words:"microsoft google other" example:" | | microsoft | google"`

	// microsoft: the tenant, by its name or number. Required for microsoft.
	Tenant string `yaml:"tenant" example:" | | example.onmicrosoft.com"`

	// The way to get a token:
	//   refresh_token       the consent of a user; letterlock oauth login asks for it
	//   client_credentials  the application itself (Microsoft 365)
	//   service_account     the application itself (Google), with a key file
	Grant string `yaml:"grant" default:"refresh_token" words:"refresh_token client_credentials service_account" example:" | | refresh_token | service_account"`

	// The application that is registered at the provider. Required, but without
	// meaning for service_account.
	ClientID string `yaml:"client_id" example:" | | 11111111-2222-3333-4444-555555555555"`

	// A file whose first line is the application's secret. It is read again when
	// it changes. Default: none; required for client_credentials.
	ClientSecretFile string `yaml:"client_secret_file" example:" | | /etc/letterlock/client-secret"`

	// service_account: the JSON file with its key. Required for this grant.
	KeyFile string `yaml:"key_file" example:" | | | /etc/letterlock/service-account.json"`

	// The provider's token endpoint. Default: that of the provider.
	TokenURL string `yaml:"token_url" example:" | | https://login.example.com/oauth2/token"`

	// The provider's device authorization endpoint, for letterlock oauth login.
	// Default: that of the provider.
	DeviceURL string `yaml:"device_url" example:" | | https://login.example.com/oauth2/device"`

	// The permissions to ask for. Default: those for SMTP at the provider.
	Scopes []string `yaml:"scopes" example:" | | ['https://outlook.office.com/SMTP.Send', offline_access]"`
}

// The grants of OAuth.
const (
	refreshToken      = "refresh_token"
	clientCredentials = "client_credentials"
	serviceAccount    = "service_account"
)

// completeLogin sets the level of a destination with a login, and the values that
// follow from the provider.
func (d *Destination) completeLogin(folder string) {
	if d.Login == nil {
		return
	}
	if d.Level == "" {
		d.Level = outbound.Secure.String()
	}
	d.Login.PasswordFile = inFolder(folder, d.Login.PasswordFile)
	if o := d.Login.OAuth; o != nil {
		o.ClientSecretFile, o.KeyFile = inFolder(folder, o.ClientSecretFile), inFolder(folder, o.KeyFile)
		o.completeProvider()
	}
}

// completeProvider sets the endpoints and the scopes of a known provider.
func (o *OAuth) completeProvider() {
	var known OAuth
	switch o.Provider {
	case "microsoft":
		at := "https://login.microsoftonline.com/" + o.Tenant + "/oauth2/v2.0/"
		known = OAuth{TokenURL: at + "token", DeviceURL: at + "devicecode", Scopes: []string{"https://outlook.office.com/SMTP.Send", "offline_access"}}
		if o.Grant == clientCredentials {
			known.Scopes = []string{"https://outlook.office365.com/.default"}
		}
	case "google":
		known = OAuth{TokenURL: "https://oauth2.googleapis.com/token", DeviceURL: "https://oauth2.googleapis.com/device/code", Scopes: []string{"https://mail.google.com/"}} //nolint:gosec // addresses, and no secret
	}
	if o.TokenURL == "" {
		o.TokenURL = known.TokenURL
	}
	if o.DeviceURL == "" {
		o.DeviceURL = known.DeviceURL
	}
	if o.Scopes == nil {
		o.Scopes = known.Scopes
	}
}

// files lists the files of a login with secrets.
func (l *RelayLogin) files(key string) []file {
	if l == nil {
		return nil
	}
	all := []file{{key + "password_file", l.PasswordFile, SecretFile}}
	if o := l.OAuth; o != nil {
		all = append(all, file{key + "oauth.client_secret_file", o.ClientSecretFile, SecretFile}, file{key + "oauth.key_file", o.KeyFile, SecretFile})
	}
	return all
}
