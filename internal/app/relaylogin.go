package app

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/oauth"
	"github.com/letterlock/letterlock/internal/relayauth"
)

// account returns the login at a relay; nil without one. Destinations with the
// same login share it, and with it its token and the pause after a refusal.
func (m *maintenance) account(c *configs.Config, login *configs.RelayLogin) (*relayauth.Account, error) {
	if login == nil {
		return nil, nil
	}
	key := fmt.Sprintf("%q %q %q", login.User, login.PasswordFile, login.Mechanisms)
	if login.OAuth != nil {
		key += fmt.Sprintf(" %q", *login.OAuth)
	}
	if known := m.accounts[key]; known != nil {
		return known, nil
	}
	account := &relayauth.Account{User: login.User, Mechanisms: login.Mechanisms}
	m.accounts[key] = account
	if login.OAuth != nil {
		account.Secret = oauth.NewSource(GrantOf(c, login))
		return account, nil
	}
	password := relayauth.NewPassword(func() (string, error) { return readPassword(login.PasswordFile) })
	account.Secret = password
	return account, m.files.Add(password.Load, login.PasswordFile)
}

// GrantOf returns the way in which an account gets its tokens. Its files are read
// for each request.
func GrantOf(c *configs.Config, login *configs.RelayLogin) oauth.Grant {
	o := login.OAuth
	app := oauth.App{ID: o.ClientID, TokenURL: o.TokenURL, DeviceURL: o.DeviceURL, Scopes: o.Scopes}
	if o.ClientSecretFile != "" {
		app.Secret = func() (string, error) { return readPassword(o.ClientSecretFile) }
	}
	switch o.Grant {
	case "service_account":
		return &oauth.ServiceAccount{User: login.User, Scopes: o.Scopes, Key: func() ([]byte, error) { return readSecret(o.KeyFile) }}
	case "client_credentials":
		return &oauth.ClientCredentials{App: app}
	}
	return &oauth.Refresh{App: app, File: tokenFile(c, login)}
}

// tokenFile returns the file of an account's refresh token. Its name says nothing
// about the account.
func tokenFile(c *configs.Config, login *configs.RelayLogin) *oauth.File {
	account := login.User + "\x00" + login.OAuth.TokenURL + "\x00" + login.OAuth.ClientID
	name := sha256.Sum256([]byte(account))
	return &oauth.File{
		Path: filepath.Join(c.StateDir, "oauth", hex.EncodeToString(name[:16])), Account: account,
		Key: func() ([]byte, error) { return readSecret(c.Smarthost.TokenKeyFile) },
	}
}
