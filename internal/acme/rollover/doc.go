// Package rollover changes the keys of certificates together with their TLSA records
// (DANE, RFC 6698), so that a server that verifies them never meets a key without a
// record (RFC 7671 §8.1, RFC 7672 §8).
//
// Each certificate has a present and a next key. Its state, which is stored, is in one of
// four steps:
//
//	publish  the records of both keys are to be at all authoritative servers
//	settle   they are; the caches of resolvers may hold the older set for its TTL
//	ready    the next order of the certificate uses the next key
//	retire   the new certificate is stored; the record of the old key stays for a while
//
// After retire a new next key is made, and the steps begin again. The record of the old
// key is removed meanwhile.
//
// A Keeper asks each address of each authoritative server, without a cache. It goes back
// to publish when a server lacks a record, and leaves ready only by an order: if DNS cannot
// be read or changed, is not signed, or a server lacks a record, the key stays and the
// certificate is renewed with it. All waits are sums of intervals between checks that
// found everything in order, so that neither a clock that jumps nor a restart shortens
// them. Without a provider that changes DNS the administrator sets the records, and the
// Keeper only watches.
package rollover
