// Package sts looks up the MTA-STS policies of other domains (RFC 8461): it looks in DNS
// whether a domain has a policy, fetches the policy by HTTPS, and keeps it for the time
// that the policy states, over restarts too. An attacker who blocks a fetch for a while
// therefore cannot disable the policy.
package sts
