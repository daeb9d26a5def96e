package peers

// HAProxy carries bytes: it has TLS from the first byte or not at all.
func newHAProxy() *Peer {
	return &Peer{
		Name: "HAProxy", Services: []string{"imaps", "pop3s", "submissions"},
		pkg:      "haproxy",
		commands: fillFor("haproxy.cfg", "haproxy", "-db", "-f"),
	}
}
