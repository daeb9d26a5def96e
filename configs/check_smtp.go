package configs

import "strings"

// checkOpenRelay is for smtp, which receives mail from the public. The backend
// sees the proxy's address, which it probably trusts as part of its own
// network; a trusted client may send to any address.
func checkOpenRelay(_ *Config, l Listener, r report) {
	if l.Service != SMTP {
		return
	}
	named := l.KnowsRecipients()
	switch {
	case named && l.AllowOpenRelay:
		r.in("allow_open_relay").misplaced(
			"keep recipients, and remove allow_open_relay",
			"allow_open_relay contradicts recipients: mail is accepted either for these recipients only, or for any")
	case !named && !l.AllowOpenRelay && !judgedByClient(l.Handover):
		r.wrong(
			"write recipients: [example.com] with the domains that this server receives mail for;\n"+
				"  or hand the client's address over (handover: xclient, proxy-v1, proxy-v2 or tproxy), for the backend to judge by;\n"+
				"  allow_open_relay: true leaves the decision to the backend, which must then not trust the proxy's address",
			"this smtp listener could become an open relay: the backend sees the proxy's address, which it may trust to send mail to any address")
	}
}

// checkRecipients refuses a catch-all such as *: for that there is
// allow_open_relay, whose name shows the risk.
func checkRecipients(_ *Config, l Listener, r report) {
	for i, entry := range l.Recipients {
		if err := legalRecipient(entry); err != nil {
			r.in("recipients", i).wrong("write a domain, .domain for its subdomains, or an address: example.com, .example.com, info@example.com", "%q %v", entry, err)
		}
	}
}

// checkRecipientsFiles checks that the files exist. Their content is checked
// when they are loaded.
func checkRecipientsFiles(c *Config, m Machine, r report) {
	for i, l := range c.Listeners {
		if l.Service != SMTP {
			continue
		}
		checkReadable(m, l.RecipientsFile, r.in("listeners", i).in("recipients_file"))
	}
}

// checkHideClient: hide_client has no effect without a Received header.
func checkHideClient(_ *Config, l Listener, r report) {
	if l.HideClient && l.Service.Protocol() == "smtp" && !l.ReceivedOn() {
		r.in("hide_client").misplaced("remove it", "hide_client means nothing without a Received header")
	}
}

// checkProbeSender requires a full address.
func checkProbeSender(c *Config, _ Machine, r report) {
	at := r.in("probe_sender")
	switch err := legalRecipient(c.ProbeSender); {
	case c.ProbeSender == "":
	case !strings.Contains(c.ProbeSender, "@"):
		at.wrong("write an address, such as postmaster@example.com", "%q has no @", c.ProbeSender)
	case err != nil:
		at.wrong("write an address, such as postmaster@example.com", "%q %v", c.ProbeSender, err)
	case !c.ProbeOn():
		at.misplaced("remove it, or probe: false", "probe_sender means nothing with probe: false")
	}
}
