package configs

import (
	"errors"
	"strings"
	"testing"
)

func TestCompleteBackend(t *testing.T) {
	tests := []struct {
		text, want string
		err        error
	}{
		{"legacy.lan", "legacy.lan:143", nil},
		{"legacy.lan:10143", "legacy.lan:10143", nil},
		{"legacy_imap.", "legacy_imap.:143", nil},
		{"192.0.2.1", "192.0.2.1:143", nil},
		{"2001:db8::1", "[2001:db8::1]:143", nil},
		{"[2001:db8::1]", "[2001:db8::1]:143", nil},
		{"[2001:db8::1]:144", "[2001:db8::1]:144", nil},
		{"[fe80::1%eth0]:144", "[fe80::1%eth0]:144", nil},
		{"unix:/run/imap", "unix:/run/imap", nil},
		{"unix:run/imap", "", errUnixRelative},
		{"unix:/" + strings.Repeat("x", 107), "", errUnixLong},
		{"legacy.lan:imap", "", errPortZero},
		{"legacy.lan:0", "", errPortZero},
		{"legacy.lan:65536", "", errPortZero},
		{":143", "", errNoHost},
		{"1:2:3", "", errBackendForm},
		{"[2001:db8::1", "", errBackendForm},
		{"1.2.3.4.5:143", "", errBackendHost},
		{"imap/legacy:143", "", errBackendHost},
	}
	for _, tt := range tests {
		got, err := completeBackend(tt.text, 143)
		if !errors.Is(err, tt.err) || err == nil && got != tt.want {
			t.Errorf("%s: %s, %v; want %s, %v", tt.text, got, err, tt.want, tt.err)
		}
		if err == nil {
			if again, err := completeBackend(got, 143); again != got || err != nil {
				t.Errorf("%s: a complete backend became %s, %v", got, again, err)
			}
		}
	}
}

func TestListenOverlap(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{":25", ":25", true},
		{":25", ":26", false},
		{":25", "127.0.0.1:25", true},
		{"0.0.0.0:25", "[::1]:25", true}, // bound for both families
		{"127.0.0.1:25", "127.0.0.2:25", false},
		{"127.0.0.1:25", "[::ffff:127.0.0.1]:25", true},
		{"[::1]:25", "[0:0::1]:25", true},
		{"127.0.0.1:0", "127.0.0.1:0", false},
	}
	for _, tt := range tests {
		a, errA := parseListen(tt.a)
		b, errB := parseListen(tt.b)
		if errA != nil || errB != nil || a.overlaps(b) != tt.want || b.overlaps(a) != tt.want {
			t.Errorf("%s and %s: %v, %v, %v", tt.a, tt.b, a.overlaps(b), errA, errB)
		}
	}
}

func TestListenReaches(t *testing.T) {
	tests := []struct {
		listen, host string
		port         int
		want         bool
	}{
		{":25", "127.0.0.1", 25, true},
		{":25", "LOCALHOST", 25, true},
		{":25", "::1", 25, true},
		{":25", "0.0.0.0", 25, true},
		{":25", "10.0.0.1", 25, false},
		{":25", "legacy.lan", 25, false},
		{":25", "127.0.0.1", 26, false},
		{"10.0.0.1:25", "10.0.0.1", 25, true},
		{"10.0.0.1:25", "127.0.0.1", 25, false},
		{"10.0.0.1:25", "localhost", 25, false},
		{"127.0.0.1:25", "localhost", 25, true},
	}
	for _, tt := range tests {
		a, err := parseListen(tt.listen)
		if err != nil || a.reaches(tt.host, tt.port) != tt.want {
			t.Errorf("%s, %s:%d: %v", tt.listen, tt.host, tt.port, err)
		}
	}
}

func TestPublic(t *testing.T) {
	tests := map[string]bool{
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.0.1": false,
		"100.64.0.1": false, "169.254.1.1": false, "fd00::1": false, "fe80::1%eth0": false,
		"::ffff:10.0.0.1": false, "legacy.example.com": false,
		"8.8.8.8": true, "172.32.0.1": true, "100.128.0.1": true, "2001:db8::1": true, "::ffff:8.8.8.8": true,
	}
	for host, want := range tests {
		if PublicHost(host) != want {
			t.Errorf("%s: public is %v", host, !want)
		}
	}
}
