package acme

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// proof is the authorization of one name of an order, and the challenge that proves it.
type proof struct {
	acme.Authorization
	challenge acme.Challenge
	solver    acmez.Solver
}

// preferred lists the types of challenges in the order in which they are tried.
func preferred() []string {
	return []string{acme.ChallengeTypeHTTP01, acme.ChallengeTypeTLSALPN01, acme.ChallengeTypeDNS01, dnsPersist01}
}

var (
	errNoSolver       = errors.New("the CA offers no challenge that can be answered")
	errOtherChallenge = errors.New("another challenge can be tried")
)

// prove proves the names of an order to the CA. All challenges begin before the first one
// is awaited.
func (a *attempt) prove(ctx context.Context, order acme.Order) (err error) {
	proofs, err := a.proofs(ctx, order)
	if err != nil {
		return err
	}
	defer func() { a.cleanUp(ctx, proofs, err) }()
	for _, p := range proofs {
		if err := p.solver.Present(ctx, p.challenge); err != nil {
			return fmt.Errorf("%s of %s: %w", p.challenge.Type, p.IdentifierValue(), err)
		}
	}
	for _, p := range proofs {
		if err := a.initiate(ctx, p); err != nil {
			return fmt.Errorf("%s of %s: %w", p.challenge.Type, p.IdentifierValue(), err)
		}
	}
	for _, p := range proofs {
		if err := a.await(ctx, p); err != nil {
			return fmt.Errorf("%s of %s: %w", p.challenge.Type, p.IdentifierValue(), err)
		}
	}
	return nil
}

// proofs lists the names that are not proved yet, and chooses their challenges.
func (a *attempt) proofs(ctx context.Context, order acme.Order) (all []*proof, err error) {
	for _, url := range order.Authorizations {
		authorization, err := a.k.client.GetAuthorization(ctx, a.account, url)
		if err != nil {
			return nil, err
		}
		if authorization.Status == acme.StatusValid {
			continue
		}
		p := &proof{Authorization: authorization}
		if !a.choose(p) {
			return nil, fmt.Errorf("%s: %w", p.IdentifierValue(), errNoSolver)
		}
		all = append(all, p)
	}
	return all, nil
}

// choose chooses a challenge, and reports whether there is one. A challenge that the last
// holder of the lock has begun comes first, then the preferred one of those that have not
// failed for the name.
func (a *attempt) choose(p *proof) bool {
	p.solver = nil
	for _, kind := range preferred() {
		for _, c := range p.Challenges {
			solver := a.solvers[kind]
			if c.Type != kind || solver == nil || a.e.failed[way{p.Identifier.Value, kind}] {
				continue
			}
			if begun := c.Status == acme.StatusProcessing; begun || p.solver == nil {
				p.challenge, p.solver = c, solver
			}
		}
	}
	return p.solver != nil
}

// initiate asks the CA to check a challenge, as soon as it can be answered.
func (a *attempt) initiate(ctx context.Context, p *proof) (err error) {
	if waiter, ok := p.solver.(acmez.Waiter); ok {
		if err := waiter.Wait(ctx, p.challenge); err != nil {
			return err
		}
	}
	if p.challenge.Status == acme.StatusProcessing {
		return nil // the last holder of the lock has asked
	}
	_, err = a.k.client.InitiateChallenge(ctx, a.account, p.challenge)
	return err
}

// way is a type of challenge for a name.
type way struct{ name, kind string }

// otherWays are the problems that another type of challenge may not have.
var otherWays = []string{
	acme.ProblemTypeConnection, acme.ProblemTypeDNS, acme.ProblemTypeServerInternal, acme.ProblemTypeTLS, acme.ProblemTypeUnauthorized,
}

// await waits until the CA has checked a challenge. It returns errOtherChallenge if the
// challenge has failed and a new order can try another type.
func (a *attempt) await(ctx context.Context, p *proof) (err error) {
	next := &proof{Authorization: p.Authorization}
	next.Challenges = slices.Clone(p.Challenges) // an authorization that has failed lists one only
	p.Authorization, err = a.k.client.PollAuthorization(ctx, a.account, p.Authorization)
	if !slices.Contains(otherWays, problemType(err)) {
		return err
	}
	if a.e.failed == nil {
		a.e.failed = map[way]bool{}
	}
	a.e.failed[way{p.Identifier.Value, p.challenge.Type}] = true
	if a.choose(next) {
		return fmt.Errorf("%w: %w", errOtherChallenge, err)
	}
	a.e.failed = nil // the next attempt tries all types again
	return err
}

// cleanUp ends the challenges. An order that is given up leaves no pending authorizations,
// because CAs limit their number.
func (a *attempt) cleanUp(ctx context.Context, proofs []*proof, failed error) {
	for _, p := range proofs {
		_ = p.solver.CleanUp(ctx, p.challenge) // it logs what it leaves
	}
	if failed == nil || a.continues(failed) {
		return
	}
	for _, p := range proofs {
		if p.Status == acme.StatusPending {
			_, _ = a.k.client.DeactivateAuthorization(ctx, a.account, p.Location) // else it expires
		}
	}
}
