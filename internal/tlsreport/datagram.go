package tlsreport

import (
	"context"
	"encoding/json"
	"net"
)

// Collector hands sessions over to tlsrpt-collectd at a datagram socket of Unix.
type Collector struct{ Socket string }

// Add implements Output.
func (c Collector) Add(ctx context.Context, s Session, record string) error {
	text, err := s.encode(record)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unixgram", c.Socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	_ = conn.SetWriteDeadline(deadline)
	_, err = conn.Write(text)
	return err
}

// datagram is a message to tlsrpt-collectd, in the format of libtlsrpt 0.5.
type datagram struct {
	Version  string   `json:"dpv"`
	Domain   string   `json:"d"`
	Record   string   `json:"pr"` // the TXT record in which the domain asks for reports
	Policies []policy `json:"policies"`
}

type policy struct {
	Kind     Kind      `json:"policy-type"`
	Domain   string    `json:"policy-domain,omitempty"`
	Lines    []string  `json:"policy-string,omitempty"`
	MX       []string  `json:"mx-host,omitempty"`
	Failures []failure `json:"failure-details,omitempty"`
	Count    int       `json:"t"` // of Failures
	Failed   int       `json:"f"` // 1: the session failed
}

type failure struct {
	Code   int    `json:"c"`
	Sender string `json:"s,omitempty"`
	Host   string `json:"n,omitempty"`
	IP     string `json:"r,omitempty"`
	Reason string `json:"f,omitempty"`
}

// encode returns the datagram of a session, with the record in which the domain asks
// for reports.
func (s Session) encode(record string) ([]byte, error) {
	published := s.Policy.bounded()
	p := policy{Kind: published.Kind, Domain: published.Domain, Lines: published.Lines, MX: published.MX}
	if s.Err != nil {
		p.Failures = []failure{{Code: s.resultType().code, Sender: s.Sender, Host: s.Server.Host, IP: s.Server.IP, Reason: s.reason()}}
		p.Count, p.Failed = 1, 1
	}
	return json.Marshal(datagram{Version: "1", Domain: s.Domain, Record: record, Policies: []policy{p}})
}
