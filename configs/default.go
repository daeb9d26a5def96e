package configs

import "time"

// Default is the configuration that a file starts from: figures for a server
// of ten thousand users, and no listeners.
func Default() Config {
	return Config{
		StateDir: "/var/lib/letterlock",
		// Some 25 sessions a minute of one client; 720 MB a day of all.
		Log: Log{Format: "text", Level: "info", Header: "auto", MaxValue: 256, RatePerClient: 16 << 10, RatePerNetwork: 32 << 10, Rate: 1 << 20},
		// A few entries for each user; some 40 MiB of disk when it is full.
		Inventory: Inventory{Keep: true, Entries: 100_000, Age: 90 * 24 * time.Hour},
		Limits: Limits{
			Connections:              10000,
			ConnectionsPerClient:     3000, // a large office behind one address, or webmail
			ConnectionsPerNetwork:    5000,
			Unauthenticated:          4000, // all at once after a restart; a login takes some 10 ms of ours
			UnauthenticatedPerClient: 100,
			LoginFailuresPerClient:   50,
			LoginFailuresPerUser:     50,
			Handshakes:               64,
			WebConnections:           128,
			WebConnectionsPerClient:  16, // a browser holds six
			Reserved:                 50,
			Line:                     8192,  // RFC 7162 §4; SMTP needs 512 and its extensions
			Token:                    32768, // Kerberos tickets with many groups; RFC 4954 §4 needs 12288
			Literal:                  65536,
			Message:                  128 << 20,
			Spool:                    1 << 30,
			Errors:                   10,
		},
		Timeouts: Timeouts{
			ProxyHeader:     5 * time.Second, // it is sent at once, with the connection
			ReverseDNS:      3 * time.Second, // a session may wait for it
			Handshake:       30 * time.Second,
			Dial:            10 * time.Second,
			Greeting:        2 * time.Minute, // some SMTP servers let spammers wait for the greeting
			Command:         5 * time.Minute, // RFC 5321 §4.5.3.2.7
			Login:           2 * time.Minute,
			Unauthenticated: 5 * time.Second,  // an honest login on a bad line
			LoginDelay:      15 * time.Second, // clients wait 30s and more
			LoginForget:     time.Hour,
			Idle:            35 * time.Minute, // a little more than RFC 9051 §5.4 demands
			Data:            5 * time.Minute,  // RFC 5321 §4.5.3.2.5 has 3 minutes
			Message:         time.Hour,        // 50 MB at 120 kbit/s
			EndOfData:       10 * time.Minute, // RFC 5321 §4.5.3.2.6
			Shutdown:        30 * time.Second,
		},
	}
}

// defaultGreetDelay finds out those who speak as soon as they are connected,
// and holds nobody up.
const defaultGreetDelay = 5 * time.Millisecond
