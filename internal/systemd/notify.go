package systemd

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells systemd that the service has started, or that a reload has ended.
// systemctl status shows the status line.
func Ready(status string) error {
	return notify(daemon.SdNotifyReady, statusLine(status))
}

// Reloading tells systemd that a reload begins. Type=notify-reload requires the
// time of the monotonic clock, to match the message with its own request.
func Reloading() error {
	return notify(daemon.SdNotifyReloading, daemon.SdNotifyMonotonicUsec())
}

// MainProcess tells systemd that another process is the main one of the service from
// now on. Messages of this process are ignored after that.
func MainProcess(pid int) error {
	return notify(fmt.Sprintf("MAINPID=%d", pid))
}

// Stopping tells systemd that the service ends, and how long its sessions may
// take to end. systemd waits for that time even if the unit's TimeoutStopSec is
// shorter.
func Stopping(deadline time.Duration) error {
	return notify(daemon.SdNotifyStopping, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", deadline.Microseconds()))
}

// statusTime is the interval at which Watch refreshes the status line of a service
// without a watchdog.
const statusTime = 10 * time.Second

// Watch sends the status line at once, and repeats it until the context ends,
// each time with a keep-alive if the unit has WatchdogSec. It calls status each
// time: if status no longer returns, because the service is deadlocked, systemd
// ends and restarts the service.
func Watch(ctx context.Context, status func() string) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	interval, states := statusTime, []string{}
	if limit, err := daemon.SdWatchdogEnabled(false); err == nil && limit > 0 {
		interval, states = limit/2, append(states, daemon.SdNotifyWatchdog)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		_ = notify(append(states, statusLine(status()))...) // if systemd is gone, so is the watchdog
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func statusLine(text string) string {
	return "STATUS=" + strings.Join(strings.Fields(text), " ")
}

// notify sends one message with all assignments of variables (sd_notify(3)).
func notify(assignments ...string) error {
	_, err := daemon.SdNotify(false, strings.Join(assignments, "\n"))
	if err != nil {
		return fmt.Errorf("notifying systemd: %w", err)
	}
	return nil
}
