package app

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/inventory"
	"github.com/letterlock/letterlock/internal/observe"
)

// noticeOf returns the function that finds the notice to the user of a session: to
// those whose TLS the policy of notify would refuse, once a day and device. It is nil
// if nobody gets one.
func noticeOf(c *configs.Config, o Options) (func(*observe.Session) string, error) {
	if c.Notify.Policy == "" {
		return nil, nil
	}
	q, _, err := WhatIf(c, c.Notify.Policy)
	if err != nil {
		return nil, err
	}
	return func(s *observe.Session) string {
		if s.TLS == nil || s.User == "" {
			return ""
		}
		now, asked := time.Now(), q // a copy: sessions ask at the same time
		asked.Now = now
		e := entry(inventory.Session, s)
		e.User, e.Offer = s.User, s.Offered
		why := asked.Refusal(e)
		if why == "" || !o.notices.Due(s.User, fmt.Sprint(s.Offered), now) {
			return ""
		}
		o.Log.Info("a user gets a notice: the policy would refuse the client", "session", s.ID, "user", s.User, "client", s.Client.Addr().String(),
			"policy", q.Policy.Name, "reason", string(why))
		return c.Notify.Text
	}, nil
}

func noticesFile(c *configs.Config) string { return filepath.Join(c.StateDir, "notices.json") }

// loadNotices reads which devices have had a notice.
func (p *Proxy) loadNotices(c *configs.Config) {
	if err := p.options.notices.Load(noticesFile(c), time.Now()); err != nil {
		p.log.Warn("notices: users may get a second notice today", "error", err)
	}
}

// saveNotices writes which devices have had a notice, unless another process has
// taken over.
func (p *Proxy) saveNotices() {
	if p.replaced.Load() {
		return
	}
	if err := p.options.notices.Save(noticesFile(p.now.Load().config), time.Now()); err != nil {
		p.log.Warn("notices: users may get a second notice today", "error", err)
	}
}
