// Package peers knows how to start each of the proxies that are measured: one
// file for each, with its configuration beside it as a template. All get the
// same certificate, the same backend and as many workers as there are CPUs;
// none of them logs sessions.
package peers
