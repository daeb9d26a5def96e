package world

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// listenToSyslog adds to a log what the servers of a folder send to syslog:
// e2e/enter makes /dev/log a link to the socket that listenToSyslog creates
// there.
func listenToSyslog(folder string, log *Log) (net.PacketConn, error) {
	path := filepath.Join(folder, "syslog")
	conn, err := net.ListenPacket("unixgram", path)
	if err != nil {
		return nil, err
	}
	go func() {
		for packet := make([]byte, 64<<10); ; {
			size, _, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(log, "%s\n", packet[:size])
		}
	}()
	return conn, os.Chmod(path, 0o666)
}
