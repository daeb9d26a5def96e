package importer

import "strings"

// dovecotWay finds the backend in a passdb with the field proxy.
func (r *reader) dovecotWay(root *setting) (way backend) {
	for _, passdb := range root.all("passdb") {
		fields := fieldsOfPassdb(passdb)
		if _, proxies := fields["proxy"]; !proxies {
			if _, maybe := fields["proxy_maybe"]; !maybe {
				r.note(passdb, Lost, reasonLogins)
				passdb.use()
				continue
			}
		}
		passdb.use()
		host := fields["host"]
		if host == "" || strings.Contains(host, "%") {
			r.note(passdb, Lost, "the host of the backend depends on the user: name it with --backend, and users of others in routes")
			continue
		}
		address := host
		if port := portOf(fields["port"]); port != 0 {
			address = joined(host, port)
		}
		way = backend{name: "dovecot", addresses: []string{address}}
		r.dovecotWayTLS(&way, passdb, fields)
		for _, name := range []string{"master", "pass", "destuser", "proxy_mech", "nologin", "source_ip"} {
			if _, ok := fields[name]; ok {
				r.note(passdb, Lost, "the field %s: clients log in at the backend with their own name and password", name)
			}
		}
	}
	return way
}

// dovecotWayTLS reads TLS on the way to the backend.
func (r *reader) dovecotWayTLS(way *backend, passdb *setting, fields map[string]string) {
	for field, tls := range map[string]string{"ssl": "tls", "starttls": "starttls"} {
		switch v := fields[field]; v {
		case "any-cert":
			way.tls, way.unverified = tls, true
		case "yes", "y":
			way.tls = tls
		}
	}
	if way.tls != "" && !way.unverified {
		way.serverName = fields["host"]
	}
}

// fieldsOfPassdb collects the extra fields of a passdb, as 2.2 and 2.3 write them
// (args, default_fields, override_fields), and as 2.4 does (a block fields).
func fieldsOfPassdb(passdb *setting) map[string]string {
	fields := map[string]string{}
	for _, s := range passdb.body {
		switch s.name {
		case "args", "default_fields", "override_fields":
			for word := range strings.FieldsSeq(s.value()) {
				name, text, _ := strings.Cut(word, "=")
				fields[name] = text
			}
		case "fields", "passdb_fields":
			for _, f := range s.body {
				name := strings.TrimSuffix(f.name, ":default")
				fields[name] = f.value()
			}
		}
	}
	return fields
}
