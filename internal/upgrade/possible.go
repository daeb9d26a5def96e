package upgrade

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Program returns the file that this program was started from. It looks the name up
// again, so a package or a symbolic link may have replaced the file.
func Program() (string, error) {
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		return filepath.Abs(path)
	}
	return os.Executable()
}

var errFirstProcess = errors.New("this is the first process of a container, which ends with it: replace the container instead")

// supervisors watch the process that they have started, and start or end everything
// when it ends. The kernel cuts names after 15 bytes.
var supervisors = []string{
	"supervise-daemo", "runsv", "s6-supervise", "supervise", "supervisord", // start it again
	"tini", "dumb-init", "docker-init", "catatonit", // end the container
}

// Possible returns an error if the service would not survive the end of this
// process.
func Possible() error {
	if err := Supported(); err != nil {
		return err
	}
	if os.Getpid() == 1 || os.Getppid() == 0 { // the parent is outside of the container
		return errFirstProcess
	}
	if os.Getenv("NOTIFY_SOCKET") != "" { // systemd learns which process is the main one
		return nil
	}
	name, err := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/comm")
	if supervisor := strings.TrimSpace(string(name)); err == nil && slices.Contains(supervisors, supervisor) {
		return fmt.Errorf("%s watches this process, and does not follow it to a new one: restart the service, or replace the container, instead", supervisor)
	}
	return nil
}
