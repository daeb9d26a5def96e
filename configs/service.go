package configs

import "slices"

// Service is the protocol of a listener, by its IANA service name.
type Service string

// The services. Those that end in s use implicit TLS.
const (
	SMTP        Service = "smtp"
	Submission  Service = "submission"
	Submissions Service = "submissions"
	IMAP        Service = "imap"
	IMAPS       Service = "imaps"
	POP3        Service = "pop3"
	POP3S       Service = "pop3s"
	Sieve       Service = "sieve"

	// Smarthost accepts the legacy server's own outbound mail. Smarthosts is for
	// devices that begin with TLS.
	Smarthost  Service = "smarthost"
	Smarthosts Service = "smarthosts"
)

// serviceFacts are the facts that follow from a service's name.
type serviceFacts struct {
	service     Service
	protocol    string
	port        int
	backendPort int // the port of the same protocol without TLS
	implicit    bool
	policy      string
}

// services are sorted by the history of their ports. The policies are those of
// RFC 8314 and RFC 8997 for access and submission, and of RFC 7435 for mail
// between servers.
var services = []serviceFacts{
	{SMTP, "smtp", 25, 25, false, "opportunistic"},
	{Submission, "smtp", 587, 587, false, "strict"},
	{Submissions, "smtp", 465, 587, true, "strict"},
	{IMAP, "imap", 143, 143, false, "strict"},
	{IMAPS, "imap", 993, 143, true, "strict"},
	{POP3, "pop3", 110, 110, false, "strict"},
	{POP3S, "pop3", 995, 110, true, "strict"},
	{Sieve, "sieve", 4190, 4190, false, "strict"},
	{Smarthost, "smarthost", 10025, 0, false, ""},
	{Smarthosts, "smarthost", 10465, 0, true, "strict"},
}

// Services lists every service, in the order of the reference file.
func Services() []Service {
	all := make([]Service, len(services))
	for i, f := range services {
		all[i] = f.service
	}
	return all
}

// Inbound lists the services that have a backend.
func Inbound() []Service {
	return slices.DeleteFunc(Services(), Service.Outbound)
}

// facts returns the facts of a service; for an unknown service all are zero.
func (s Service) facts() serviceFacts {
	i := slices.IndexFunc(services, func(f serviceFacts) bool { return f.service == s })
	if i < 0 {
		return serviceFacts{}
	}
	return services[i]
}

func (s Service) known() bool { return s.facts().service != "" }

// Outbound reports whether the service sends mail to other domains, and has no backend.
func (s Service) Outbound() bool { return s.facts().protocol == "smarthost" }

// Implicit reports whether the service uses implicit TLS (RFC 8314 §3).
func (s Service) Implicit() bool { return s.facts().implicit }

// Port returns the service's own TCP port; 0 if the service is unknown.
func (s Service) Port() int { return s.facts().port }

// BackendPort returns the port on which a backend serves the same protocol
// without TLS; 0 if the service is unknown.
func (s Service) BackendPort() int { return s.facts().backendPort }

// Protocol returns smtp, imap, pop3, sieve or smarthost; empty if the service
// is unknown.
func (s Service) Protocol() string { return s.facts().protocol }

// DefaultPolicy returns the TLS policy of a listener without one: opportunistic
// if the alternative is plaintext, strict if clients send passwords.
func (s Service) DefaultPolicy() string { return s.facts().policy }
