package peers

func newStunnel() *Peer {
	return &Peer{
		Name: "stunnel", Services: Services, pkg: "stunnel4",
		commands: fillFor("stunnel.conf", "stunnel4"),
	}
}
