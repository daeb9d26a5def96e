// Package gate holds the parts that the gates of all protocols share: what a gate
// knows about its session, the Observer of its events, the reasons for which a
// session ends, the steps with their deadlines, and the SASL mechanisms that can pass
// a proxy.
//
// A gate is the conversation with the client before its session is relayed. The
// package of each protocol holds its gate.
package gate
