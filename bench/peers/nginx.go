package peers

func newNginx() *Peer {
	return &Peer{
		Name: "nginx", Services: Services, pkg: "nginx",
		commands: fillFor("nginx.conf", "nginx", "-g", "daemon off;", "-c"),
	}
}
