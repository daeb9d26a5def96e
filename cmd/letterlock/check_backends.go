package main

import (
	"context"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/probe"
	"github.com/letterlock/letterlock/internal/scan"
)

// attacked holds what an attacker could do to a backend through the proxy.
type attacked struct {
	Service  string         `json:"service"`
	Address  string         `json:"address"`
	Findings []scan.Finding `json:"findings"`
}

// attack probes the backends as an attacker would; see internal/probe. With
// `probe: false` in the configuration it probes none.
func attack(ctx context.Context, c *configs.Config) ([]attacked, error) {
	all := []attacked{}
	if !c.ProbeOn() {
		return all, nil
	}
	probed, err := app.ProbeBackends(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, r := range probed {
		b := attacked{r.Service, r.Address, []scan.Finding{}}
		for _, f := range r.Findings {
			severity, about := scan.Weak, ""
			switch f.Severity {
			case probe.Danger:
				severity = scan.Bad
			case probe.Unknown:
				about = "not probed to the end: "
			}
			b.Findings = append(b.Findings, scan.Finding{Severity: severity, Text: about + f.Text + "; " + f.Remedy})
		}
		if r.Err != nil {
			severity := scan.Weak
			if r.Failed() {
				severity = scan.Bad
			}
			b.Findings = append(b.Findings, scan.Finding{Severity: severity, Text: "not probed to the end: " + r.Err.Error() + "; " + r.Remedy})
		}
		all = append(all, b)
	}
	return all, nil
}
