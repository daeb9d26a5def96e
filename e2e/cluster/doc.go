// Package cluster contains only tests: three instances of Letterlock behind
// HAProxy, which share their state through a Redis with replicas and Sentinels,
// serve clients of all protocols, while machines, programs and cables fail. The
// machines are network namespaces; the servers are Debian's. The clock of one instance is
// minutes ahead. In a second test the instances get their certificate by ACME.
//
// The order of the failures is random. The seed is printed, and can be chosen:
//
//	make test-cluster
//	make test-cluster SEED=7
package cluster
