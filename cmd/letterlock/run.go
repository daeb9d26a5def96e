package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/observe/loghandler"
	"github.com/letterlock/letterlock/internal/systemd"
	"github.com/letterlock/letterlock/internal/upgrade"
)

// runner runs a proxy until a signal ends it or another process has replaced it.
type runner struct {
	p   *app.Proxy
	log *slog.Logger

	first, second     context.Context // see signals
	hangups, upgrades <-chan os.Signal
	watched           *watchedFile     // the configuration; may be nil
	control           *upgrade.Control // may be nil

	request *upgrade.Request // the request for the upgrade under way; nil: a signal asked for it
	result  chan result      // of the upgrade under way; nil: no upgrade
	cancel  context.CancelFunc
}

// result is the end of an upgrade: the process that has taken over, or an error.
type result struct {
	next *upgrade.Successor
	err  error
}

// takeOver restores the state of the old process, if there is one, and begins to
// accept.
func (r *runner) takeOver(as process) {
	passed, err := as.old.Prepared()
	if err == nil && as.old != nil {
		err = r.p.Restore(passed)
	}
	if err != nil {
		r.log.Warn("the state of the old process is lost, or a part of it: failed logins are counted anew, and TLS sessions are not resumed", "error", err)
	}
	r.p.Serve()
	if as.folder != "" {
		if r.control, err = upgrade.NewControl(as.folder); err != nil {
			r.log.Warn("`letterlock upgrade` cannot reach this process; SIGUSR2 can", "error", err)
		}
	}
	as.old.Ready(versionName()) // last: then the next upgrade may begin
}

// run serves until the end, and keeps systemd informed.
func (r *runner) run() {
	defer r.control.Close()
	r.notify(systemd.Ready(r.p.Status()))
	watching, cancel := context.WithCancel(context.Background())
	defer cancel()
	var watch sync.WaitGroup
	watch.Go(func() { systemd.Watch(watching, r.p.Status) })
	watch.Go(func() { r.watched.look(watching) })
	next := r.serve()
	cancel()
	watch.Wait()
	if next == nil {
		r.notify(systemd.Stopping(r.p.ShutdownTime()))
	} else {
		r.leaveTo(next)
	}
	r.p.Shutdown(r.second)
}

func (r *runner) notify(err error) {
	if err != nil {
		r.log.Warn("systemd does not learn the state of the service", "error", err)
	}
}

// serve reloads and upgrades on request. It returns the process that has taken
// over, or nil if the service must end. A reload that is requested during an
// upgrade is done after it.
func (r *runner) serve() *upgrade.Successor {
	for {
		reloads, changes := r.hangups, r.watched.wait()
		if r.result != nil {
			reloads, changes = nil, nil
		}
		select {
		case <-r.first.Done():
			return r.stopUpgrade()
		case <-reloads:
			r.reload()
		case <-changes:
			r.log.Info("the configuration's file has changed")
			r.reload()
		case <-r.upgrades:
			r.upgrade(nil)
		case request := <-r.control.Requests():
			if request.Refused != "" {
				r.refuse(&request, errors.New(request.Refused))
				continue
			}
			r.upgrade(&request)
		case done := <-r.result:
			if r.settle(done); done.err == nil {
				return done.next
			}
		}
	}
}

func (r *runner) reload() {
	r.notify(systemd.Reloading())
	r.p.Reload()
	r.notify(systemd.Ready(r.p.Status()))
}

var (
	errUnderWay = errors.New("an upgrade is under way already")
	errStopping = errors.New("the service is being stopped")
)

// upgrade starts the new process.
func (r *runner) upgrade(request *upgrade.Request) {
	if r.result != nil {
		r.refuse(request, errUnderWay)
		return
	}
	if err := upgrade.Possible(); err != nil {
		r.refuse(request, err)
		return
	}
	program, err := upgrade.Program()
	if err != nil {
		r.refuse(request, err)
		return
	}
	sockets, err := r.p.Sockets()
	if err != nil {
		r.refuse(request, err)
		return
	}
	r.log.Info("upgrade: starting the new process", "program", program)
	start := upgrade.Start{Program: program, Args: os.Args[1:], Sockets: sockets, State: r.p.State}
	ctx, cancel := context.WithCancelCause(context.Background())
	r.request, r.result = request, make(chan result, 1)
	r.cancel = func() { cancel(errStopping) }
	go func() {
		defer upgrade.CloseAll(sockets)
		next, err := start.Run(ctx)
		r.result <- result{next, err}
	}()
}

// refuse logs why the upgrade has failed, and answers the request for it.
func (r *runner) refuse(request *upgrade.Request, why error) {
	r.log.Error("upgrade: this process continues", "error", loghandler.Whole(why.Error()))
	if request != nil {
		request.Answer(upgrade.Reply{Error: why.Error()})
	}
}

// settle ends an upgrade.
func (r *runner) settle(done result) {
	request := r.request
	r.cancel()
	r.request, r.result, r.cancel = nil, nil, nil
	if done.err != nil {
		r.refuse(request, done.err)
		return
	}
	r.notify(systemd.MainProcess(done.next.PID))
	done.next.Release()
	r.log.Info("upgrade: the new process has taken over", "process", done.next.PID, "version", done.next.Version)
	if request != nil {
		request.Answer(upgrade.Reply{PID: done.next.PID, Version: done.next.Version})
	}
}

// stopUpgrade ends an upgrade because the service must end. If the new process has
// taken over already, stopUpgrade ends it too.
func (r *runner) stopUpgrade() *upgrade.Successor {
	if r.result == nil {
		return nil
	}
	r.cancel()
	done := <-r.result
	r.settle(done)
	if done.err == nil {
		_ = done.next.Signal(syscall.SIGTERM)
	}
	return done.next
}

// leaveTo lets the sessions of this process continue while the next process serves
// new clients. It passes on a reload that was requested during the upgrade.
func (r *runner) leaveTo(next *upgrade.Successor) {
	r.control.Close()
	select {
	case <-r.hangups:
		_ = next.Signal(syscall.SIGHUP)
	default:
	}
	draining, cancel := context.WithCancel(r.first)
	var declining sync.WaitGroup
	declining.Go(func() { r.decline(draining, next.PID) })
	r.p.Drain(draining)
	cancel()
	declining.Wait()
}

// decline logs the signals that the next process should have received.
func (r *runner) decline(ctx context.Context, pid int) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-r.hangups:
			r.log.Warn("the signal is ignored: another process has taken over", "signal", s.String(), "process", pid)
		case s := <-r.upgrades:
			r.log.Warn("the signal is ignored: another process has taken over", "signal", s.String(), "process", pid)
		}
	}
}
