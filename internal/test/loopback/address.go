package loopback

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync/atomic"
)

// Ports are taken from below the range that systems give to outgoing connections
// and to listeners on port 0, so that neither takes the port of a server that has
// not started yet, or is down.
const firstPort, ports = 20000, 12000

// host is the address of this process, and the other two count its ports.
var (
	host   = ownHost()
	offset = rand.IntN(ports)
	used   atomic.Int64
)

// Host returns the address of loopback that the tests of this process listen on. On
// Linux, where all of 127.0.0.0/8 is this machine, each process has another one: a
// client of one package's test, whose server has ended, does not reach a server of
// another package's test that has the same port. The clients' address is 127.0.0.1
// nevertheless.
func Host() string { return host }

// IPv4 returns the same address as a DNS record has it.
func IPv4() [4]byte { return netip.MustParseAddr(host).As4() }

func ownHost() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
}

// ReservePort returns a port of 127.0.0.1 on which no socket listens, for servers
// whose configuration names that address. No other caller gets it, in this process
// or in another, until hold is closed.
func ReservePort() (port int, hold io.Closer, err error) {
	stream, packets, err := open("127.0.0.1")
	if err != nil {
		return 0, nil, err
	}
	return stream.Addr().(*net.TCPAddr).Port, packets, stream.Close()
}

// open opens both sockets of a free port. The one for datagrams holds the port for
// its caller while the other is closed. The ports are taken in turn, so that a port
// is used again as late as possible.
func open(host string) (stream net.Listener, packets net.PacketConn, err error) {
	for range ports {
		port := firstPort + (offset+int(used.Add(1)))%ports
		address := net.JoinHostPort(host, strconv.Itoa(port))
		if packets, err = net.ListenPacket("udp", address); err != nil {
			continue
		}
		if stream, err = net.Listen("tcp", address); err == nil {
			return stream, packets, nil
		}
		_ = packets.Close()
	}
	return nil, nil, err
}
