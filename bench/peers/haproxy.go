package peers

// HAProxy relays bytes: its listeners use implicit TLS or none.
func newHAProxy() *Peer {
	return &Peer{
		Name: "HAProxy", Services: []string{"imaps", "pop3s", "submissions"},
		pkg:      "haproxy",
		commands: fillFor("haproxy.cfg", "haproxy", "-db", "-f"),
	}
}
