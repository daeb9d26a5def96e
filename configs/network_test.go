package configs

import "testing"

func TestNetwork(t *testing.T) {
	tests := []struct{ text, want string }{
		{"192.0.2.0/24", "192.0.2.0/24"},
		{"192.0.2.1", "192.0.2.1/32"},
		{"2001:db8::/32", "2001:db8::/32"},
		{"2001:db8::1", "2001:db8::1/128"},
		{"::ffff:192.0.2.1", "192.0.2.1/32"},
		{"192.0.2.1/24", ""},
		{"192.0.2.0/33", ""},
		{"192.0.2.0/", ""},
		{"example.com", ""},
		{"", ""},
	}
	for _, tt := range tests {
		var n Network
		err := n.UnmarshalText([]byte(tt.text))
		if tt.want == "" {
			if err == nil {
				t.Errorf("%q was parsed as %s", tt.text, n)
			}
			continue
		}
		if err != nil || n.String() != tt.want {
			t.Errorf("%q: %s, %v; want %s", tt.text, n, err, tt.want)
		}
	}
}

func TestRequireTLS(t *testing.T) {
	const head = "listeners: [{service: smtp, backend: b, recipients: [a.example], require_tls: "
	tests := []struct {
		text     string
		all      bool
		networks int
		domains  []string
	}{
		{"true", true, 0, nil},
		{"false", false, 0, nil},
		{"[]", false, 0, nil},
		{"[Partner.example, .b.example, 192.0.2.0/24, '2001:db8::1']", false, 2, []string{"partner.example", ".b.example"}},
	}
	for _, tt := range tests {
		c := mustParse(t, head+tt.text+"}]\n")
		got := c.Listeners[0].RequireTLS
		if got.All != tt.all || len(got.Networks) != tt.networks || !equal(got.Domains, tt.domains) {
			t.Errorf("%s: %+v", tt.text, got)
		}
	}
}
