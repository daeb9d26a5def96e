package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"
)

// App is the application that is registered at the provider.
type App struct {
	ID        string
	Secret    func() (string, error) // nil: it has none
	TokenURL  string
	DeviceURL string // for the device code flow (RFC 8628)
	Scopes    []string
}

// secret returns the client secret, which may be empty.
func (a App) secret() (string, error) {
	if a.Secret == nil {
		return "", nil
	}
	return a.Secret()
}

func (a App) config() (*oauth2.Config, error) {
	secret, err := a.secret()
	return &oauth2.Config{
		ClientID: a.ID, ClientSecret: secret, Scopes: a.Scopes,
		Endpoint: oauth2.Endpoint{TokenURL: a.TokenURL, DeviceAuthURL: a.DeviceURL, AuthStyle: oauth2.AuthStyleInParams},
	}, err
}

// Refresh is the grant of a user who has given consent: a refresh token, which is
// kept in a file.
type Refresh struct {
	App  App
	File *File
}

var errNoConsent = errors.New("no user has given consent yet: run letterlock oauth login")

func (r *Refresh) fetch(ctx context.Context) (*oauth2.Token, error) {
	kept, err := r.File.Read()
	if err != nil {
		return nil, err
	}
	if kept == "" {
		return nil, errNoConsent
	}
	config, err := r.App.config()
	if err != nil {
		return nil, err
	}
	token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: kept}).Token()
	if err == nil && token.RefreshToken != "" && token.RefreshToken != kept {
		err = r.File.Write(token.RefreshToken) // the provider may not accept the old one again
	}
	return token, err
}

func (r *Refresh) version() string { return r.File.version() }

// ClientCredentials is the grant of an application that needs no user (RFC 6749
// §4.4), as Microsoft 365 has it.
type ClientCredentials struct{ App App }

func (c *ClientCredentials) fetch(ctx context.Context) (*oauth2.Token, error) {
	secret, err := c.App.secret()
	if err != nil {
		return nil, err
	}
	config := clientcredentials.Config{ClientID: c.App.ID, ClientSecret: secret, TokenURL: c.App.TokenURL, Scopes: c.App.Scopes, AuthStyle: oauth2.AuthStyleInParams}
	return config.Token(ctx)
}

func (c *ClientCredentials) version() string { return "" }

// ServiceAccount is the grant of Google's service accounts (RFC 7523).
type ServiceAccount struct {
	Key    func() ([]byte, error) // the JSON file that Google has issued
	User   string                 // the mailbox
	Scopes []string
}

// serviceKey holds the fields of the JSON file that are used.
type serviceKey struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKey   string `json:"private_key"`
	PrivateKeyID string `json:"private_key_id"`
	TokenURI     string `json:"token_uri"`
}

var errServiceKey = errors.New(`the file is not the JSON key of a service account (with "type": "service_account" and an https token_uri)`)

func (s *ServiceAccount) fetch(ctx context.Context) (*oauth2.Token, error) {
	text, err := s.Key()
	if err != nil {
		return nil, err
	}
	var key serviceKey
	if json.Unmarshal(text, &key) != nil || key.Type != "service_account" || key.PrivateKey == "" {
		return nil, errServiceKey // the error of json may quote the file
	}
	if endpoint, err := url.Parse(key.TokenURI); err != nil || endpoint.Scheme != "https" && !loopback(endpoint) {
		return nil, errServiceKey
	}
	config := jwt.Config{Email: key.ClientEmail, PrivateKey: []byte(key.PrivateKey), PrivateKeyID: key.PrivateKeyID, TokenURL: key.TokenURI, Scopes: s.Scopes, Subject: s.User}
	return config.TokenSource(ctx).Token()
}

func (s *ServiceAccount) version() string { return "" }

// Consent asks a user for consent by the device code flow (RFC 8628): show gets
// the address and the code that the user enters there. The refresh token is kept
// in the file.
func (r *Refresh) Consent(ctx context.Context, show func(address, code string)) error {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	config, err := r.App.config()
	if err != nil {
		return err
	}
	device, err := config.DeviceAuth(ctx)
	if err != nil {
		return explain(err)
	}
	address := device.VerificationURI
	if device.VerificationURIComplete != "" {
		address = device.VerificationURIComplete
	}
	show(oneLine(address), oneLine(device.UserCode))
	token, err := config.DeviceAccessToken(ctx, device)
	if err != nil {
		return explain(err)
	}
	if token.RefreshToken == "" {
		return fmt.Errorf("the provider has issued no refresh token: add the scope %s", "offline_access")
	}
	return r.File.Write(token.RefreshToken)
}

// loopback reports whether an endpoint is on this machine.
func loopback(u *url.URL) bool {
	return u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost"
}

// withoutURL removes the URL from an error of net/http: it may hold a secret.
func withoutURL(err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		return at.Err
	}
	return err
}
