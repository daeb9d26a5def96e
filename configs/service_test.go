package configs

import "testing"

func TestServices(t *testing.T) {
	tests := []struct {
		service  Service
		port     int
		backend  int
		protocol string
		implicit bool
		policy   string
	}{
		{SMTP, 25, 25, "smtp", false, "opportunistic"},
		{Submission, 587, 587, "smtp", false, "strict"},
		{Submissions, 465, 587, "smtp", true, "strict"},
		{IMAP, 143, 143, "imap", false, "strict"},
		{IMAPS, 993, 143, "imap", true, "strict"},
		{POP3, 110, 110, "pop3", false, "strict"},
		{POP3S, 995, 110, "pop3", true, "strict"},
		{Sieve, 4190, 4190, "sieve", false, "strict"},
		{Smarthost, 10025, 0, "smarthost", false, ""},
		{Smarthosts, 10465, 0, "smarthost", true, "strict"},
		{"gopher", 0, 0, "", false, ""},
	}
	for i, tt := range tests {
		s := tt.service
		if s.Port() != tt.port || s.BackendPort() != tt.backend || s.Protocol() != tt.protocol ||
			s.Implicit() != tt.implicit || s.DefaultPolicy() != tt.policy {
			t.Errorf("%s: %d %d %s %v %s", s, s.Port(), s.BackendPort(), s.Protocol(), s.Implicit(), s.DefaultPolicy())
		}
		if i < len(services) && Services()[i] != s {
			t.Errorf("service %d is %s, not %s", i, Services()[i], s)
		}
	}
}
