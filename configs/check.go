package configs

// The rules. Each is a function that reports violations; a rule does not report
// a value that another rule has reported.

// rule checks the whole configuration.
type rule func(c *Config, m Machine, r report)

var rules = []rule{
	checkAllKeys,
	checkHostname,
	checkStateDir,
	checkUser,
	checkCertificates,
	checkACME,
	checkMTASTS,
	checkAutoconfig,
	checkCluster,
	checkPolicies,
	checkStatus,
	checkNotify,
	checkAdmin,
	checkProbeSender,
	checkBackends,
	checkLookups,
	checkListeners,
	checkTLSFiles,
	checkServed,
	checkRecipientsFiles,
	checkExceptions,
	checkExceptionFiles,
	checkOverlap,
	checkSockets,
	checkLoop,
	checkRoutes,
	checkSmarthost,
}

// listenerRule checks one listener; r is the report of that listener.
type listenerRule func(c *Config, l Listener, r report)

// listenerRules check listeners with a known service.
var listenerRules = []listenerRule{
	checkListen,
	checkPublicHost,
	checkBackend,
	checkPublicBackend,
	checkPolicyName,
	checkSmarthostTLS,
	checkLogin,
	checkBanner,
	checkClientCertificates,
	checkHideSTARTTLS,
	checkBelongs,
	checkOpenRelay,
	checkRecipients,
	checkHideClient,
	checkProxyFrom,
	checkHandover,
	checkLookup,
	checkMasterSeparator,
	checkBackendLogin,
	checkMechanisms,
}

// check runs every rule, whatever the others report: so an administrator edits
// the file once, and not once for each mistake.
func (c *Config) check(m Machine, r report) {
	for _, rule := range rules {
		rule(c, m, r)
	}
}

// checkListeners runs the listener rules. It skips listeners with an unknown
// service, for which they have no meaning.
func checkListeners(c *Config, _ Machine, r report) {
	if len(c.Listeners) == 0 {
		r.in("listeners").wrong("write at least one, such as {service: imaps, backend: legacy.example.com}", "there are no listeners")
	}
	for i, l := range c.Listeners {
		at := r.in("listeners", i)
		if !checkService(l, at) {
			continue
		}
		for _, rule := range listenerRules {
			rule(c, l, at)
		}
	}
}

// checkService reports whether the service is known.
func checkService(l Listener, r report) bool {
	if l.Service == "" {
		r.wrong("write service: and one of "+list(Services()), "the listener has no service")
		return false
	}
	return r.in("service").oneOf("service", string(l.Service), words(Services()))
}
