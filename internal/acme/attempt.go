package acme

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// attempt is an attempt to get a certificate, with an order at the CA from the request to
// the download. In a cluster the URL of the order is shared before the order is used, so
// that the next holder of the lock continues the order of an instance that has died:
// acmez.ObtainCertificate always begins a new order, and does not report its URL.
type attempt struct {
	k       *Keeper
	e       *entry
	lock    Lock // nil: the order is not shared
	account acme.Account
	csr     *x509.CertificateRequest
	purpose purpose
	solvers map[string]acmez.Solver
}

// purpose says why a certificate is ordered. An order is continued for the same purpose
// only. An order that is complete, and whose certificate is used, has another one,
// because it replaces an earlier certificate.
type purpose struct {
	Names    []string `json:"names"`
	Key      string   `json:"key"` // SHA-256 of the public key
	Profile  string   `json:"profile"`
	Replaces string   `json:"replaces"` // serial number of the present certificate; empty: none
}

// sharedOrder is the form of an order in the shared state.
type sharedOrder struct {
	URL string `json:"url"`
	purpose
}

const (
	orderSuffix = "+order"
	orderLife   = 6 * time.Hour // of an order in the shared state
	maxOrders   = 3             // of an attempt: each further one tries another challenge
	orderPause  = time.Second   // between two of them
)

func (k *Keeper) newAttempt(e *entry, key crypto.Signer, account acme.Account, lock Lock) (*attempt, error) {
	csr, err := acmez.NewCSR(key, e.names)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
	p := purpose{Names: e.names, Key: base64.StdEncoding.EncodeToString(sum[:]), Profile: k.o.Profile}
	if c := k.table.get(e); c != nil {
		p.Replaces = c.Leaf.SerialNumber.String()
	}
	return &attempt{k: k, e: e, lock: lock, account: account, csr: csr, purpose: p, solvers: k.solvers(account, e.names)}, nil
}

// run returns the chains that the CA offers. An order that the CA has not refused is
// continued by the next attempt.
func (a *attempt) run(ctx context.Context) ([]acme.Certificate, error) {
	order, err := a.resume(ctx)
	if err != nil {
		return nil, err
	}
	for range maxOrders {
		order, err = a.authorized(ctx, order)
		if !errors.Is(err, errOtherChallenge) || !pause(ctx, orderPause) {
			break
		}
		order = acme.Order{}
	}
	if err == nil && order.Status != acme.StatusValid {
		order, err = a.k.client.FinalizeOrder(ctx, a.account, order, a.csr.Raw)
	}
	if err != nil {
		if !a.continues(err) {
			a.forget(ctx)
		}
		return nil, err
	}
	chains, err := a.k.client.GetCertificateChain(ctx, a.account, order.Certificate)
	if err != nil && !isNetwork(err) {
		a.forget(ctx)
	}
	return chains, err
}

// authorized returns an order whose names are proved. The given order is used, or a new
// one if it has no location.
func (a *attempt) authorized(ctx context.Context, order acme.Order) (acme.Order, error) {
	var err error
	if order.Location == "" {
		if order, err = a.newOrder(ctx); err != nil {
			return order, err
		}
	}
	if order.Status == acme.StatusPending {
		err = a.prove(ctx, order)
	}
	return order, err
}

// newOrder begins an order, and shares it.
func (a *attempt) newOrder(ctx context.Context) (acme.Order, error) {
	parameters, err := acmez.OrderParametersFromCSR(a.account, a.csr)
	if err != nil {
		return acme.Order{}, err
	}
	wanted := acme.Order{Profile: a.k.o.Profile, Identifiers: parameters.Identifiers}
	if replaced := a.k.replaced(a.e); replaced != nil {
		if wanted.Replaces, err = acme.ARIUniqueIdentifier(replaced); err != nil {
			return wanted, err
		}
	}
	order, err := a.k.client.NewOrder(ctx, a.account, wanted)
	if wanted.Replaces != "" && refusesOrder(err) {
		// The CA may not know the certificate, or it may be another account's.
		wanted.Replaces = ""
		order, err = a.k.client.NewOrder(ctx, a.account, wanted)
	}
	if err == nil && a.lock != nil {
		a.share(ctx, order)
	}
	return order, err
}

// share shares the URL of an order while the lock is held. If that fails, the order goes
// on, but no other attempt can continue it.
func (a *attempt) share(ctx context.Context, order acme.Order) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	data, err := json.Marshal(sharedOrder{order.Location, a.purpose})
	if err == nil {
		err = a.lock.Set(ctx, a.e.name+orderSuffix, data, orderLife)
	}
	if err != nil {
		a.k.o.Log.Debug("an order cannot be shared with the other instances", "host", a.e.names[0], "error", err)
	}
}

// refusesOrder reports whether the CA has refused an order itself.
func refusesOrder(err error) bool {
	kind := problemType(err)
	return kind != "" && kind != acme.ProblemTypeRateLimited
}

// resume returns the order of the last holder of the lock, or of this instance's last
// attempt. Its location is empty without an order, and with one that cannot be continued.
func (a *attempt) resume(ctx context.Context) (acme.Order, error) {
	var last sharedOrder
	if a.lock == nil || json.Unmarshal(a.k.store.fetch(ctx, a.e.name+orderSuffix), &last) != nil {
		return acme.Order{}, nil
	}
	order, err := a.k.client.GetOrder(ctx, a.account, acme.Order{Location: last.URL})
	if isNetwork(err) {
		return acme.Order{}, err
	} else if err != nil {
		return acme.Order{}, nil //nolint:nilerr // the CA does not know the order any more
	}
	open := reflect.DeepEqual(last.purpose, a.purpose)
	switch order.Status {
	case acme.StatusPending, acme.StatusReady, acme.StatusProcessing, acme.StatusValid:
	default:
		open = false
	}
	a.tidy(ctx, order, open)
	if !open {
		return acme.Order{}, nil
	}
	a.k.o.Log.Info("an order that was not completed is continued", "host", a.e.names[0], "key", string(a.e.kind), "status", order.Status)
	return order, nil
}

// tidy removes the records of DNS-01 that the last holder of the lock has left. Those of
// the challenges that are continued stay.
func (a *attempt) tidy(ctx context.Context, order acme.Order, open bool) {
	solver, ok := a.solvers[acme.ChallengeTypeDNS01].(*dns01)
	if !ok {
		return
	}
	for _, url := range order.Authorizations {
		authorization, err := a.k.client.GetAuthorization(ctx, a.account, url)
		if err != nil || open && authorization.Status == acme.StatusPending {
			continue
		}
		for _, c := range authorization.Challenges {
			if c.Type == acme.ChallengeTypeDNS01 {
				solver.removeLeft(ctx, c)
			}
		}
	}
}

// continues reports whether the next attempt can continue an order that has failed: the
// CA has not refused it.
func (a *attempt) continues(err error) bool {
	kind := problemType(err)
	return a.lock != nil && (kind == "" || kind == acme.ProblemTypeRateLimited)
}

// forget removes the order from the shared state.
func (a *attempt) forget(ctx context.Context) {
	if a.lock != nil {
		a.k.store.unshare(ctx, a.e.name+orderSuffix)
	}
}
