package configs

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// Cluster connects the instances of an installation through a Valkey or Redis server.
type Cluster struct {
	// The server; or with sentinel_master the Sentinels, which are all asked;
	// or some nodes of a Valkey or Redis Cluster. Without a port it is 6379,
	// that of Sentinels 26379.
	Addresses []string `yaml:"addresses" required:"true" min:"1" example:"[10.0.0.7, 10.0.0.8]" var:"CLUSTER_ADDRESSES"`

	// The name of the master at the Sentinels. Default: none, addresses are
	// those of the server or of a Cluster.
	SentinelMaster string `yaml:"sentinel_master" example:"mail" var:"CLUSTER_SENTINEL_MASTER"`

	// TLS to all addresses. Without it they must not be public.
	TLS *bool `yaml:"tls" default:"true" var:"CLUSTER_TLS"`

	// The CAs that sign the certificates of the servers, a PEM file. Default:
	// the CAs that the system trusts.
	CA string `yaml:"ca" example:"/etc/letterlock/store-ca.pem" var:"CLUSTER_CA"`

	// The name in the certificates. Default: the host of each address.
	ServerName string `yaml:"server_name" example:"store.lan" var:"CLUSTER_SERVER_NAME"`

	// The user at the server, who needs the rights that docs/cluster.md lists.
	// Default: the server's default user.
	User string `yaml:"user" example:"letterlock" var:"CLUSTER_USER"`

	// A file with the user's password. It is read at the start and at each
	// reload. Default: none.
	PasswordFile string `yaml:"password_file" example:"/etc/letterlock/store-password" var:"CLUSTER_PASSWORD_FILE"`

	// A file with the key that encrypts everything in the store, the same on
	// all instances: 32 random bytes in base64. Create one with: openssl rand
	// -base64 32. A
	// program with this key can read and forge what the instances share.
	KeyFile string `yaml:"key_file" required:"true" example:"/etc/letterlock/cluster.key" var:"CLUSTER_KEY_FILE"`

	// The beginning of all keys in the store. Installations that share a
	// server need different ones.
	Prefix string `yaml:"prefix" default:"letterlock" var:"CLUSTER_PREFIX"`

	// The name of this instance among the others. Default: the name of the
	// machine.
	Instance string `yaml:"instance" example:"mx1" var:"CLUSTER_INSTANCE"`
}

// Encrypted reports whether the connections to the store use TLS.
func (c *Cluster) Encrypted() bool { return c.TLS == nil || *c.TLS }

// The ports of Redis, Valkey and their Sentinels.
const (
	storePort    = 6379
	sentinelPort = 26379
)

func (c *Config) completeCluster(m Machine, folder string) {
	s := c.Cluster
	if s == nil {
		return
	}
	s.CA, s.PasswordFile, s.KeyFile = inFolder(folder, s.CA), inFolder(folder, s.PasswordFile), inFolder(folder, s.KeyFile)
	s.ServerName = foldName(s.ServerName)
	if s.Instance == "" && m.Hostname != nil {
		s.Instance, _ = m.Hostname()
	}
	if s.Instance == "" {
		s.Instance = c.Hostname
	}
	port := storePort
	if s.SentinelMaster != "" {
		port = sentinelPort
	}
	for i, address := range s.Addresses {
		if full, err := completeBackend(address, port); err == nil {
			s.Addresses[i] = full
		}
	}
}

// legalStore reports whether an address is a host with a port.
func legalStore(address string) bool {
	host, port, err := net.SplitHostPort(address)
	n, number := strconv.Atoi(port)
	return err == nil && number == nil && host != "" && n > 0 && n < 1<<16
}

func describeCluster(w io.Writer, c *Config) {
	if s := c.Cluster; s != nil {
		_, _ = fmt.Fprintf(w, "cluster: this is instance %s; it shares its state through %s\n", s.Instance, strings.Join(s.Addresses, ", "))
	}
}
