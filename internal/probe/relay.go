package probe

import (
	"fmt"
	"slices"
)

// elsewhere lists addresses that no backend has a reason to accept: at a domain
// that accepts no mail (RFC 7505); at one that cannot exist (RFC 2606), for
// backends that do not look domains up; and at an address literal (RFC 5737),
// for those that do.
var elsewhere = []string{"relay-test@example.net", "relay-test@relay-test.invalid", "relay-test@[198.51.100.1]"}

// relays asks whether the backend accepts mail for other domains: from the null
// sender, which passes the backend's checks of senders, and from named senders,
// as some backends relay for senders in their own domains.
func (p *prober) relays() error {
	p.question = aboutRelaying
	null, err := p.relaysFrom("")
	if err != nil || null.verdict == accepted {
		return err
	}
	all := []attempt{null}
	for _, sender := range p.senders() {
		got, err := p.relaysFrom(sender)
		if err != nil || got.verdict == accepted {
			return err
		}
		all = append(all, got)
	}
	if open := leftOpen(all); open != nil {
		p.unknown(open.remedy(), "%s", open.seen)
		return nil
	}
	return p.relaysRoutes(all)
}

// senders returns the named senders to try.
func (p *prober) senders() []string {
	return slices.DeleteFunc(slices.Clone(p.Senders[:]), func(s string) bool { return s == "" })
}

// leftOpen returns the attempt because of which the question stays open, or nil
// if the attempts together decide it. Attempts about which the administrator can
// do something come first. The first attempt is the null sender's.
//
// A refused sender decides nothing about other senders, so one sender must have
// been accepted, which need not be the null sender.
func leftOpen(all []attempt) *attempt {
	with := func(verdict verdict) *attempt {
		i := slices.IndexFunc(all, func(a attempt) bool { return a.verdict == verdict })
		if i < 0 {
			return nil
		}
		return &all[i]
	}
	decided := all
	if len(all) > 1 {
		decided = all[1:]
	}
	named := slices.ContainsFunc(decided, func(a attempt) bool { return a.verdict == refused })
	switch open := with(undecided); {
	case !named && with(wrongSender) != nil:
		return with(wrongSender)
	case open != nil:
		return open
	case !named || all[0].verdict == wrongRecipient:
		return &all[0]
	}
	return nil
}

// attempt is the result of trying one sender.
type attempt struct {
	verdict
	sender string
	seen   string // the command and the reply that decided the verdict
	words  string // the reply's text without what it repeats of the command
}

// remedy returns the advice by which the question can be decided.
func (a *attempt) remedy() string {
	if a.verdict == wrongSender {
		return "name in probe_sender an address that the backend accepts as a sender, such as postmaster@ a domain that it knows"
	}
	return later
}

// relaysFrom tries mail from a sender to addresses elsewhere, and returns the
// attempt that counts most: one that leaves the question open before a refusal
// to relay, and that before a refusal of the recipient's domain. For a named
// sender, one refusal to relay is enough.
func (p *prober) relaysFrom(sender string) (best attempt, err error) {
	for i, address := range elsewhere {
		got, err := p.takes(sender, address)
		if err != nil {
			return got, err
		}
		if got.verdict == accepted {
			p.relay(sender, address)
			return got, nil
		}
		if i == 0 || got.verdict > best.verdict {
			best = got
		}
		if got.verdict == wrongSender || sender != "" && got.verdict == refused {
			break
		}
	}
	return best, nil
}

// relay adds the finding that the backend relays mail from a sender.
func (p *prober) relay(sender, address string) {
	const remedy = "remove the proxy's address from the networks that the backend trusts (Postfix mynetworks, Exim relay_from_hosts, Sendmail's access map)"
	tried := fmt.Sprintf("from <%s> to <%s>", sender, address)
	switch {
	case p.Submission:
		p.find(Warning, remedy, "it relays for the proxy without a login (%s); it is not an open relay only because the proxy requires a login", tried)
	case p.KnownRecipients:
		p.find(Warning, remedy, "it relays for the proxy (%s); it is not an open relay only because the proxy knows the recipients", tried)
	case p.AllowOpenRelay:
		p.find(Warning, remedy, "it is an OPEN RELAY behind this proxy (%s), as allow_open_relay: true allows", tried)
	case p.OwnAddress:
		p.find(Warning, remedy, "it relays for the proxy's own address (%s); with this handover the probe cannot try other clients", tried)
	default:
		p.find(Danger, remedy+", or name recipients: on the listener; allow_open_relay: true starts all the same",
			"it is an OPEN RELAY behind this proxy: it accepts mail from the client %s %s", Client.Addr(), tried)
	}
}

// takes asks whether the backend would accept mail from a sender to an address.
// It ends the transaction before a message is sent.
func (p *prober) takes(sender, address string) (attempt, error) {
	got := attempt{sender: sender}
	r, err := p.Command("MAIL FROM:<%s>", sender)
	if err != nil {
		return got, err
	}
	got.seen = answered(fmt.Sprintf("MAIL FROM:<%s>", sender), r.String())
	if !r.Positive() {
		got.verdict = p.judgeMAIL(r, sender).forNow(r, sender)
		return got, nil
	}
	r, err = p.Command("RCPT TO:<%s>", address)
	if err != nil {
		return got, err
	}
	got.verdict, got.words = p.judgeRCPT(r, sender, address).forNow(r, sender), p.ownWords(r, sender, address)
	got.seen = answered(fmt.Sprintf("RCPT TO:<%s> from <%s>", address, sender), r.String())
	_, err = p.Command("RSET")
	return got, err
}
