package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/guideline"
	"github.com/letterlock/letterlock/internal/scan"
)

// profiled is the result of judging services by a guideline.
type profiled struct {
	Name     string      `json:"name"`
	Document string      `json:"document"`
	About    string      `json:"about"`
	Unseen   string      `json:"not_examined"`
	Since    time.Time   `json:"inventory_since,omitzero"` // when the inventory begins
	Services []judgement `json:"services"`                 // in the order of the scan
}

// judgement is the result of one service.
type judgement struct {
	Service  string          `json:"service"`
	Address  string          `json:"address"`
	Met      bool            `json:"met"`                 // no finding is bad or weak
	Last     time.Time       `json:"last_check,omitzero"` // zero: this check is the first
	Findings []judgedFinding `json:"findings"`
}

// judgedFinding is a rule that is not met, with the users that its fix would refuse.
type judgedFinding struct {
	guideline.Finding
	New      bool     `json:"new"`      // the last check did not find it
	Refused  []string `json:"refused"`  // the users, and on smtp the networks of servers, that the fix would refuse
	Compared bool     `json:"compared"` // the fix was compared with the inventory
}

// judge judges the scanned services by the guideline of the call. c is nil if they are
// those of a host.
func (call *checkCall) judge(ctx context.Context, c *configs.Config, services []scan.Report) (*profiled, error) {
	g, err := guideline.Named(call.profile)
	if err != nil {
		return nil, err
	}
	p := &profiled{Name: g.Name, Document: g.Document, About: g.About, Unseen: g.Unseen, Services: []judgement{}}
	refused, since, err := call.refusals(ctx, c)
	if err != nil {
		return nil, err
	}
	p.Since = since
	kept := call.readHistory(c)
	for _, r := range services {
		j := judgement{Service: r.Service, Address: r.Address, Met: r.TLS, Findings: []judgedFinding{}}
		all := g.Judge(r)
		var fresh []guideline.Finding
		if r.TLS { // otherwise the service may only be down
			fresh, j.Last = kept.Compare(g, r.Service, r.Address, all, time.Now())
		}
		for _, f := range all {
			judged := judgedFinding{Finding: f}
			judged.New = slices.ContainsFunc(fresh, func(o guideline.Finding) bool { return o.Rule == f.Rule && o.Text == f.Text })
			judged.Refused, judged.Compared = refused.by(r, f)
			j.Met = j.Met && f.Severity == scan.Note
			j.Findings = append(j.Findings, judged)
		}
		p.Services = append(p.Services, j)
	}
	call.writeHistory(c, kept)
	return p, nil
}

// historyName is the file in state_dir that keeps the results for the next check.
const historyName = "check.json"

// historyFile returns the name of the file with the last results, or "" without one.
func (call *checkCall) historyFile(c *configs.Config) string {
	if call.history == "" && c != nil {
		return filepath.Join(c.StateDir, historyName)
	}
	return call.history
}

// readHistory reads the results of earlier checks. With a file that cannot be read, this
// check counts as the first.
func (call *checkCall) readHistory(c *configs.Config) guideline.History {
	var text []byte
	var err error
	if file := call.historyFile(c); file != "" {
		text, err = os.ReadFile(file)
	}
	h, damaged := guideline.ParseHistory(text)
	if err = errors.Join(err, damaged); err != nil && !errors.Is(err, fs.ErrNotExist) {
		call.ui.errorf("warning: this check is not compared with the last one: %v", err)
	}
	return h
}

// writeHistory keeps the results for the next check.
func (call *checkCall) writeHistory(c *configs.Config, h guideline.History) {
	to := output{file: call.historyFile(c), force: true, mode: 0o600}
	if to.file == "" {
		return
	}
	text, err := h.Text()
	if err == nil {
		err = to.write(call.ui, text)
	}
	if err != nil {
		call.ui.errorf("warning: the next check cannot be compared with this one: %v", err)
	}
}
