package dnsupdate

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/libdns/cloudflare"
	"github.com/libdns/desec"
	"github.com/libdns/hetzner/v2"
	"github.com/libdns/ovh"
	"github.com/libdns/rfc2136"
)

// The methods of changing records.
const (
	RFC2136    = "rfc2136"
	Exec       = "exec"
	Cloudflare = "cloudflare"
	DeSEC      = "desec"
	Hetzner    = "hetzner"
	OVH        = "ovh"
	PowerDNS   = "powerdns"
	Route53    = "route53"
)

// Options select and configure a Provider.
type Options struct {
	Method string

	// Server is host:port of the primary server for RFC2136, the URL of the API for
	// PowerDNS, and the region for OVH, such as ovh-eu.
	Server string

	// Secret is the text of the file with the credentials: a TSIG key for RFC2136 (see
	// parseTSIG), lines for OVH and Route 53 (see parseOVH and parseRoute53), else a token.
	Secret string

	Command []string // for Exec: the program and its first arguments
}

var errMethod = errors.New("unknown method of changing DNS")

// NewProvider returns the Provider that the options select.
func NewProvider(o Options) (Provider, error) {
	token := strings.TrimSpace(o.Secret)
	if o.Method != Exec && token == "" || strings.ContainsAny(token, "\r\n") && o.Method != RFC2136 && o.Method != OVH && o.Method != Route53 {
		return nil, errToken
	}
	switch o.Method {
	case RFC2136:
		key, err := parseTSIG(o.Secret)
		if err != nil {
			return nil, err
		}
		return &rfc2136.Provider{KeyName: key.name, KeyAlg: key.algorithm, Key: key.secret, Server: o.Server}, nil
	case Exec:
		return &command{o.Command}, nil
	case Cloudflare:
		return newCloudflare(token, &http.Client{Timeout: apiTimeout})
	case DeSEC:
		return &desec.Provider{Token: token}, nil
	case Hetzner:
		return &hetzner.Provider{APIToken: token}, nil
	case OVH:
		return parseOVH(o.Server, o.Secret)
	case Route53:
		return parseRoute53(o.Secret)
	case PowerDNS:
		return &powerDNS{url: strings.TrimRight(o.Server, "/"), key: token, client: &http.Client{Timeout: apiTimeout}}, nil
	}
	return nil, fmt.Errorf("%w: %s", errMethod, o.Method)
}

func newCloudflare(token string, client *http.Client) (Provider, error) {
	return &cloudflare.Provider{APIToken: token, HTTPClient: cloudflareTLSA{client}}, nil
}

var (
	errToken = errors.New("the file must contain the token of the API alone, in one line")
	errOVH   = errors.New("the file must contain the lines application_key=, application_secret= and consumer_key=")
)

// parseOVH reads the three keys of an application from lines of the form name=value.
func parseOVH(endpoint, text string) (Provider, error) {
	values := assignments(text)
	p := &ovh.Provider{
		Endpoint: endpoint, ApplicationKey: values["application_key"],
		ApplicationSecret: values["application_secret"], ConsumerKey: values["consumer_key"],
	}
	if p.Endpoint == "" {
		p.Endpoint = "ovh-eu"
	}
	if p.ApplicationKey == "" || p.ApplicationSecret == "" || p.ConsumerKey == "" {
		return nil, errOVH
	}
	return p, nil
}

// assignments reads lines of the form name=value.
func assignments(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, "="); ok {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return values
}
