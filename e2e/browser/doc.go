// Package browser tests the status page in Chromium, from a private root of
// e2e/root. It is a module of its own, so that the proxy does not depend on what
// drives a browser.
package browser
