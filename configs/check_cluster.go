package configs

import "strings"

// checkCluster checks how the store is reached.
func checkCluster(c *Config, m Machine, r report) {
	s, at := c.Cluster, r.in("cluster")
	if s == nil {
		return
	}
	checkStoreAddresses(s, at)
	if s.KeyFile == "" {
		at.in("key_file").wrong(at.either("write key_file: and a file", "set LETTERLOCK_CLUSTER_KEY_FILE to a file")+" that holds the output of: openssl rand -base64 32", "the cluster has no key")
	}
	for _, f := range []struct{ key, path string }{{"ca", s.CA}, {"password_file", s.PasswordFile}, {"key_file", s.KeyFile}} {
		checkReadable(m, f.path, at.in(f.key))
	}
	for _, key := range []string{"ca", "server_name"} {
		if in := at.in(key); in.given() && !s.Encrypted() {
			in.misplaced("remove it, or remove tls: false", "%s means nothing without TLS", key)
		}
	}
	if in := at.in("user"); s.User != "" && s.PasswordFile == "" {
		in.misplaced(in.either("write password_file: and the file with the user's password, or remove user", "set LETTERLOCK_CLUSTER_PASSWORD_FILE to the file with the user's password"),
			"a user without a password cannot authenticate")
	}
	checkClusterNames(s, at)
}

func checkStoreAddresses(s *Cluster, r report) {
	if len(s.Addresses) == 0 {
		r.in("addresses").wrong(r.either("write addresses: [10.0.0.7]", "set LETTERLOCK_CLUSTER_ADDRESSES to the addresses of the store"), "the cluster has no addresses")
	}
	for i, address := range s.Addresses {
		at := r.in("addresses", i)
		switch {
		case !legalStore(address):
			at.wrong(`write "store.lan", "192.0.2.1:6379" or "[2001:db8::1]:6379"`, "%q is not the address of a server", address)
		case !s.Encrypted() && PublicHost(hostOf(address)):
			at.wrong(at.either("remove tls: false", "remove LETTERLOCK_CLUSTER_TLS")+", or reach the server over a private network", "%s is a public address, and the password would go there in plaintext", hostOf(address))
		}
	}
}

// checkClusterNames checks the names that become parts of keys and of log lines.
func checkClusterNames(s *Cluster, r report) {
	for _, n := range []struct{ key, name string }{{"prefix", s.Prefix}, {"instance", s.Instance}} {
		if strings.ContainsFunc(n.name, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("{}:*", c) }) || n.name == "" || len(n.name) > 64 {
			r.in(n.key).wrong("write at most 64 letters, digits, dots and hyphens", "%q cannot be the %s", n.name, n.key)
		}
	}
}
