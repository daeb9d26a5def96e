// Package gate has the parts that the gates of all protocols share: the facts
// about a session, the Observer of its events, the reasons for which a session
// ends, the steps with their deadlines, and the SASL mechanisms that work
// through a proxy.
//
// A gate is the conversation with the client before its session is relayed.
// Each protocol's package has its own gate.
package gate
