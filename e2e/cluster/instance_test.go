package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// instance is a Letterlock on a machine of its own.
type instance struct {
	*world.Node
	version   string
	fast      bool             // its clock is ahead of the others
	config    string           // the path of the file
	ports     []int            // on which it listens
	processes []*world.Process // the last one runs
}

// fastMachine is the machine whose clock is ahead of the others.
const fastMachine = "proxy3"

// limit is the number of failed logins that the instances allow, for each
// client and each user.
const limit = 6

// newInstance writes the configuration of an instance and starts it.
func (s *site) newInstance(t *testing.T, m *world.Node) *instance {
	t.Helper()
	i := &instance{Node: m, version: versions[0], fast: m.Name == fastMachine, config: filepath.Join(s.w.Dir, m.Name+".yaml")}
	for _, each := range services {
		i.ports = append(i.ports, each.port)
	}
	must(t, os.WriteFile(i.config, []byte(s.configuration(m)), 0o644))
	atEnd(t, func() error { return i.process().Stop() })
	must(t, i.start())
	return i
}

func (s *site) configuration(m *world.Node) string {
	var mail []string
	for _, host := range s.mail {
		mail = append(mail, host.Node.Address)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `hostname: mail.example.com
state_dir: %[1]s/%[2]s
certificates: [{cert: %[1]s/mail.pem, key: %[1]s/mail.key}]
log: {rate_per_client: 1073741824, rate_per_network: 1073741824, rate: 1073741824}
limits: {login_failures_per_client: %[3]d, login_failures_per_user: %[3]d}
timeouts: {dial: 2s, login_delay: 0s, login_forget: 720h, shutdown: 5s}
backends: [{name: mail, addresses: [%[4]s], health: 5s}]
`, s.w.Dir, m.Name, limit, strings.Join(mail, ", "))
	name := m.Name
	if name == twins[1] {
		name = twins[0]
	}
	b.WriteString(s.clusterKeys(name))
	b.WriteString("listeners:\n")
	for _, each := range services {
		more := ""
		if each.name == "smtp" {
			more = ", recipients: [example.com], greet_delay: 0s, reverse_dns: false"
		}
		fmt.Fprintf(&b, "  - {service: %s, listen: \"%s\", backend: mail, proxy_from: [%s]%s}\n", each.name, m.At(each.port), balancerAddress, more)
	}
	return b.String()
}

// start starts the instance, and waits until it accepts connections.
func (i *instance) start() error {
	command := exec.Command(program(os.Getenv(inside), i.version, i.fast), "serve", "--config", i.config)
	p, err := world.Run(i.Name, i.Move(command))
	if err != nil {
		return err
	}
	i.processes = append(i.processes, p)
	var addresses []string
	for _, port := range i.ports {
		addresses = append(addresses, i.At(port))
	}
	return p.Ready(addresses...)
}

func (i *instance) process() *world.Process { return i.processes[len(i.processes)-1] }

// sessions counts the sessions that the current process has ended.
func (i *instance) sessions() (n int) {
	for _, line := range i.process().Log.Since(0) {
		if strings.Contains(line, "msg=session ") && strings.Contains(line, "via=") {
			n++
		}
	}
	return n
}
