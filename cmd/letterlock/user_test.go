package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// A program that root starts opens a port below 1024 as the configured user, with no
// other right than the handover needs, and owns its folder.
func TestRootBecomesTheUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	for handover, rights := range map[string]string{"none": "0000000000000400", "tproxy": "0000000000001400"} {
		t.Run(handover, func(t *testing.T) { becomesTheUser(t, handover, rights) })
	}
}

func becomesTheUser(t *testing.T, handover, rights string) {
	folder, err := os.MkdirTemp("", "letterlock-user") // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, file := filepath.Join(folder, "letterlock"), filepath.Join(folder, "letterlock.yaml")
	if out, err := exec.Command("cp", self, program).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	text := "hostname: mail.example.com\nuser: nobody\nstate_dir: state\nprobe: false\nlisteners: [{service: imaps, listen: \"127.0.0.77:993\", backend: \"127.0.0.1:9\", handover: " + handover + "}]\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var log wait.Log
	running := exec.CommandContext(t.Context(), program, "serve", "--config", file)
	running.Env, running.Stderr = append(os.Environ(), asProgram+"=1"), &log
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Process.Kill(); _ = running.Wait() })
	if !wait.Happens(func() bool { return listening.MatchString(log.String()) }) {
		t.Fatalf("it does not start:\n%s", &log)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", running.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "Groups:\t65534 \n", "CapPrm:\t" + rights, "CapEff:\t" + rights} {
		if !strings.Contains(string(status), want) {
			t.Errorf("no %q in\n%s", want, status)
		}
	}
	info, err := os.Stat(filepath.Join(folder, "state"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}
