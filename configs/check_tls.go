package configs

// checkClientCertificates: a required certificate that any public CA may have
// signed would exclude no client.
func checkClientCertificates(_ *Config, l Listener, r report) {
	at := r.in("client_certificates")
	switch {
	case l.AsksClients():
		if l.ClientCertificates == "require" && l.ClientCA == "" {
			at.wrong("write client_ca: and the file with the authorities whose certificates are taken", "require without client_ca would accept a certificate of any public CA")
		}
		if l.SessionTickets != nil && *l.SessionTickets {
			r.in("session_tickets").wrong("leave session_tickets out", "session_tickets contradicts client_certificates: a resumed session would bring back a certificate that may have been withdrawn since")
		}
	case l.ClientCA != "":
		r.in("client_ca").misplaced("write client_certificates: request or require, or remove client_ca", "client_ca means nothing while no client is asked for a certificate")
	}
}

// checkTLSFiles checks that the files for TLS exist, except the certificates.
func checkTLSFiles(c *Config, m Machine, r report) {
	checkReadable(m, c.TicketSecret, r.in("ticket_secret"))
	for i, l := range c.Listeners {
		checkReadable(m, l.ClientCA, r.in("listeners", i).in("client_ca"))
	}
}

// warnClients warns of the effects of requesting client certificates.
func warnClients(l Listener, warn func(key, text string)) {
	switch {
	case l.Service == SMTP && l.ClientCertificates == "require" && !l.RequireTLS.All:
		warn("client_certificates", "a server without a certificate can still send its mail in plaintext, as require_tls is not true")
	case l.Service != SMTP && l.ClientCertificates == "request":
		warn("client_certificates", "mail programs may ask their users which certificate to show, and nothing but the log depends on it (RFC 8314 §4.2)")
	}
	if l.Service == SMTP && l.TicketsOn() {
		warn("session_tickets", "Microsoft's servers drop connections to servers that send session tickets on this port (golang/go#70232)")
	}
}
