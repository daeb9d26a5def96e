package main

import (
	"context"
	"log/slog"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/probe"
	"github.com/letterlock/letterlock/internal/scan"
)

// attacked is what somebody could do to a backend who comes through us.
type attacked struct {
	Service  string         `json:"service"`
	Address  string         `json:"address"`
	Findings []scan.Finding `json:"findings"`
}

// attack asks the backends what an attacker would; see internal/probe. A
// configuration without `probe` is left alone.
func attack(ctx context.Context, c *configs.Config) ([]attacked, error) {
	all := []attacked{}
	if !c.ProbeOn() {
		return all, nil
	}
	g, err := assemble(c, nil, newUpkeep(slog.New(slog.DiscardHandler)), newPools(c))
	if err != nil {
		return nil, err
	}
	for _, v := range visitBackends(ctx, c, g.Listeners, everyBackend) {
		b := attacked{v.service, v.address, []scan.Finding{}}
		for _, f := range v.findings {
			severity, about := scan.Weak, ""
			switch f.Severity {
			case probe.Danger:
				severity = scan.Bad
			case probe.Unknown:
				about = "not probed to the end: "
			}
			b.Findings = append(b.Findings, scan.Finding{Severity: severity, Text: about + f.Text + "; " + f.Remedy})
		}
		if v.err != nil {
			b.Findings = append(b.Findings, scan.Finding{Severity: scan.Weak, Text: "not probed to the end: " + v.err.Error() + "; " + v.remedy})
		}
		all = append(all, b)
	}
	return all, nil
}
