package configs

import "time"

// Default is the configuration that a file starts from: figures for a server
// of ten thousand users, and no listeners.
func Default() Config {
	return Config{
		StateDir: "/var/lib/letterlock",
		Log:      Log{Format: "text", Level: "info"},
		Limits: Limits{
			Connections:          10000,
			ConnectionsPerClient: 100, // an office behind one address, a few devices each
			Handshakes:           64,
			Line:                 8192,  // RFC 7162 §4; SMTP needs 512 and its extensions
			Token:                32768, // Kerberos tickets with many groups; RFC 4954 §4 needs 12288
			Literal:              65536,
			Message:              128 << 20,
			Errors:               10,
		},
		Timeouts: Timeouts{
			ProxyHeader: 5 * time.Second, // it is sent at once, with the connection
			Handshake:   30 * time.Second,
			Dial:        10 * time.Second,
			Greeting:    2 * time.Minute, // some SMTP servers let spammers wait for the greeting
			Command:     5 * time.Minute, // RFC 5321 §4.5.3.2.7
			Login:       2 * time.Minute,
			Idle:        35 * time.Minute, // a little more than RFC 9051 §5.4 demands
			Data:        5 * time.Minute,  // RFC 5321 §4.5.3.2.5 has 3 minutes
			EndOfData:   10 * time.Minute, // RFC 5321 §4.5.3.2.6
			Shutdown:    30 * time.Second,
		},
	}
}
