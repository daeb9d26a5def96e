package nexthop

import (
	"context"
	"errors"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
)

// Servers are DNS servers. A server is asked when all servers before it have failed.
type Servers []resolver.Resolver

var errNoServers = errors.New("there is no DNS server to ask")

// Ask looks up the records of one type of a name.
func (s Servers) Ask(ctx context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error) {
	err := errNoServers
	for _, server := range s {
		var answer resolver.Answer
		if answer, err = server.Ask(ctx, name, kind); err == nil || ctx.Err() != nil {
			return answer, err
		}
	}
	return resolver.Answer{}, err
}
