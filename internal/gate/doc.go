// Package gate is what the gates of all protocols share: the facts about a
// session that a gate may know, whom it tells what it learns, the reasons for
// which a session ends, and which SASL mechanisms can pass a proxy at all.
//
// A gate itself, the conversation before the client has earned its relay, is
// in the package of its protocol.
package gate
