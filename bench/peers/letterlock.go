//go:build linux

package peers

func newLetterlock(binary string) *Peer {
	return &Peer{
		Name: "Letterlock", Services: Services, Reloads: true,
		commands: fillFor("letterlock.yaml", binary, "serve", "--config"),
	}
}
