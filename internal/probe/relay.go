package probe

import (
	"fmt"
	"slices"
)

// elsewhere are addresses that no backend has a reason to accept: at a name
// that takes no mail (RFC 7505), at one that cannot exist (RFC 2606), for
// backends that look no names up, and at an address (RFC 5737), for those that
// do.
var elsewhere = []string{"relay-test@example.net", "relay-test@relay-test.invalid", "relay-test@[198.51.100.1]"}

// relays asks whether the backend takes mail to domains that are not its own:
// from the null sender, which checks of senders let pass, and from named
// senders, as some relay for senders of their own domains.
func (v *visit) relays() error {
	v.question = aboutRelaying
	null, err := v.relaysFrom("")
	if err != nil || null.verdict == accepted {
		return err
	}
	all := []attempt{null}
	for _, sender := range v.senders() {
		got, err := v.relaysFrom(sender)
		if err != nil || got.verdict == accepted {
			return err
		}
		all = append(all, got)
	}
	if open := leftOpen(all); open != nil {
		v.unknown(open.remedy(), "%s", open.seen)
		return nil
	}
	return v.relaysRoutes(all)
}

// senders are the named senders to try.
func (v *visit) senders() []string {
	return slices.DeleteFunc(slices.Clone(v.Senders[:]), func(s string) bool { return s == "" })
}

// leftOpen returns an attempt that leaves the question open, one that the
// administrator can do something about before others; nil if all of them
// together decide it. The first of them is the null sender's.
//
// A refused sender says nothing about others, so there must be one that was not
// refused; a backend may refuse the null sender itself.
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

// attempt is what one sender has led to.
type attempt struct {
	verdict
	sender string
	seen   string // the command and the reply that the verdict follows from
	words  string // of the reply, without our own
}

// remedy is what the administrator may do to have the question decided.
func (a *attempt) remedy() string {
	if a.verdict == wrongSender {
		return "name in probe_sender an address that the backend accepts as a sender, such as postmaster@ a domain that it knows"
	}
	return later
}

// relaysFrom tries to write from a sender to addresses elsewhere. A reply that
// leaves the question open counts for more than a refusal to relay, and this for
// more than a refusal of the recipient's domain as such. Of a named sender, one
// refusal to relay is enough.
func (v *visit) relaysFrom(sender string) (best attempt, err error) {
	for i, address := range elsewhere {
		got, err := v.takes(sender, address)
		if err != nil {
			return got, err
		}
		if got.verdict == accepted {
			v.relay(sender, address)
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

// relay finds that mail from a sender to a stranger is taken.
func (v *visit) relay(sender, address string) {
	const remedy = "take the proxy's address out of what the backend trusts (Postfix mynetworks, Exim relay_from_hosts, Sendmail's access map)"
	tried := fmt.Sprintf("from <%s> to <%s>", sender, address)
	switch {
	case v.Submission:
		v.find(Warning, remedy, "it relays for the proxy without a login (%s); only that the proxy demands one keeps it closed", tried)
	case v.Guarded:
		v.find(Warning, remedy, "it relays for the proxy (%s); only that the proxy knows the recipients keeps it closed", tried)
	case v.Allowed:
		v.find(Warning, remedy, "it is an OPEN RELAY behind this proxy (%s), as allow_open_relay: true allows", tried)
	case v.Unjudged:
		v.find(Warning, remedy, "it relays for the proxy's own address (%s); whether for strangers too, this handover does not let us try", tried)
	default:
		v.find(Danger, remedy+", or name recipients: on the listener; allow_open_relay: true starts all the same",
			"it is an OPEN RELAY behind this proxy: it takes mail of the client %s %s", Stranger.Addr(), tried)
	}
}

// takes asks whether the backend would take mail from a sender to an address.
// No mail is sent: the transaction ends here.
func (v *visit) takes(sender, address string) (attempt, error) {
	got := attempt{sender: sender}
	r, err := v.command("MAIL FROM:<%s>", sender)
	if err != nil {
		return got, err
	}
	got.seen = answered(fmt.Sprintf("MAIL FROM:<%s>", sender), r.line)
	if !r.ok() {
		got.verdict = v.judgeMAIL(r, sender).forNow(r, sender)
		return got, nil
	}
	r, err = v.command("RCPT TO:<%s>", address)
	if err != nil {
		return got, err
	}
	got.verdict, got.words = v.judgeRCPT(r, sender, address).forNow(r, sender), v.ownWords(r, sender, address)
	got.seen = answered(fmt.Sprintf("RCPT TO:<%s> from <%s>", address, sender), r.line)
	_, err = v.command("RSET")
	return got, err
}
