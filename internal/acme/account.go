package acme

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/mholt/acmez/v3/acme"
)

// account is the account at the CA.
type account struct {
	mu       sync.Mutex   // held while the CA is asked, so that only one account is made
	known    acme.Account // Location is empty until the CA has confirmed it
	key      crypto.Signer
	text     []byte // of key
	replaced bool   // this process has made a new account for a deactivated one

	thumbprint atomic.Pointer[string] // of key; nil: it has none yet
}

// forget makes the next order ask the CA for the account.
func (a *account) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known = acme.Account{}
}

var errDeactivated = errors.New("the CA has deactivated the account")

// register returns the account, and makes one if the CA knows none with the key. A
// deactivated account is replaced by a new one, once in the life of the process.
func (k *Keeper) register(ctx context.Context) (acme.Account, error) {
	k.account.mu.Lock()
	defer k.account.mu.Unlock()
	key, err := k.accountKey(ctx)
	if err != nil || k.account.known.Location != "" {
		return k.account.known, err
	}
	found, err := k.registerKey(ctx, key)
	if errors.Is(err, errDeactivated) && !k.account.replaced {
		k.account.replaced = true
		k.o.Log.Warn("the CA has deactivated the account: a new one is made. CAA and dns-persist-01 records that name the account must be changed", "directory", k.o.Directory)
		if key, err = k.replaceAccountKey(ctx, key); err != nil {
			return acme.Account{}, err
		}
		found, err = k.registerKey(ctx, key)
	}
	if err != nil {
		return acme.Account{}, fmt.Errorf("account at the CA: %w", err)
	}
	k.account.known = found
	return found, nil
}

// registerKey finds the account of a key, or makes it.
func (k *Keeper) registerKey(ctx context.Context, key crypto.Signer) (acme.Account, error) {
	wanted := acme.Account{PrivateKey: key, TermsOfServiceAgreed: true}
	if k.o.Email != "" {
		wanted.Contact = []string{"mailto:" + k.o.Email}
	}
	found, err := k.client.GetAccount(ctx, wanted)
	if problemType(err) == acme.ProblemTypeAccountDoesNotExist {
		if k.o.Binding != nil {
			binding := acme.EAB{KeyID: k.o.Binding.KeyID, MACKey: base64.RawURLEncoding.EncodeToString(k.o.Binding.Key)}
			if err := wanted.SetExternalAccountBinding(ctx, k.client, binding); err != nil {
				return wanted, err
			}
		}
		k.acceptTerms(ctx)
		found, err = k.client.NewAccount(ctx, wanted)
	}
	deactivated := err == nil && found.Status != "" && found.Status != acme.StatusValid
	if deactivated || problemType(err) == acme.ProblemTypeUnauthorized {
		return found, fmt.Errorf("%w (%s)", errDeactivated, found.Status)
	}
	if found.Status == "" {
		found.Status = acme.StatusValid
	}
	found.PrivateKey = key
	return found, err
}

// acceptTerms logs which terms are accepted, because the administrator must be able to
// know.
func (k *Keeper) acceptTerms(ctx context.Context) {
	directory, err := k.client.GetDirectory(ctx)
	if err == nil && directory.Meta != nil {
		k.o.Log.Info("the CA's terms of service are accepted", "directory", k.o.Directory, "terms", directory.Meta.TermsOfService)
	}
}

// accountKey returns the key of the account, and makes the first one. In a cluster it
// is the shared one, which another instance may have replaced.
func (k *Keeper) accountKey(ctx context.Context) (crypto.Signer, error) {
	if k.account.key != nil && k.store.shared == nil {
		return k.account.key, nil
	}
	return k.agreeOnAccount(ctx, func(data []byte) bool { return data != nil })
}

// replaceAccountKey returns another key than the one of a deactivated account: that of
// another instance, or a new one.
func (k *Keeper) replaceAccountKey(ctx context.Context, deactivated crypto.Signer) (crypto.Signer, error) {
	old, err := keyText(deactivated)
	if err != nil {
		return nil, err
	}
	return k.agreeOnAccount(ctx, func(data []byte) bool { return data != nil && !bytes.Equal(data, old) })
}

func (k *Keeper) agreeOnAccount(ctx context.Context, usable func([]byte) bool) (crypto.Signer, error) {
	data, err := k.store.agree(ctx, accountName, k.account.text, usable, P256.newText)
	if err != nil {
		return nil, err
	}
	return k.account.use(data)
}

// use makes a key the account's. The CA must confirm the account of a new key.
func (a *account) use(text []byte) (crypto.Signer, error) {
	if bytes.Equal(text, a.text) {
		return a.key, nil
	}
	key, err := parseAccountKey(text)
	if err != nil {
		return nil, err
	}
	a.key, a.text, a.known = key, text, acme.Account{}
	thumbprint, err := (&acme.Account{PrivateKey: key}).Thumbprint()
	if err == nil {
		a.thumbprint.Store(&thumbprint)
	}
	return key, err
}

// authorize returns the answer to HTTP-01 for a token; empty if there is no account yet.
func (a *account) authorize(token string) string {
	thumbprint := a.thumbprint.Load()
	if thumbprint == nil {
		return ""
	}
	return token + "." + *thumbprint
}

// followAccount adopts the account of the other instances, or shares this one's own if
// they have none. It makes no account.
func (k *Keeper) followAccount(ctx context.Context) error {
	if !k.account.mu.TryLock() {
		return nil // an order asks for the account
	}
	defer k.account.mu.Unlock()
	data, away := k.store.shared.Get(ctx, accountName)
	if data != nil && bytes.Equal(data, k.account.text) {
		return nil
	}
	kept, err := k.store.get(ctx, accountName)
	switch {
	case err != nil:
		return err
	case away == nil && (data != nil || kept != nil):
		_, err = k.accountKey(ctx)
	case kept != nil && k.account.key == nil:
		_, err = k.account.use(kept)
	}
	return errors.Join(away, err)
}
