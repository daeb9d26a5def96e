//go:build linux

package peers

func newNginx() *Peer {
	return &Peer{
		Name: "nginx", Services: Services, Reloads: true, pkg: "nginx",
		commands: fillFor("nginx.conf", "nginx", "-g", "daemon off;", "-c"),
	}
}
