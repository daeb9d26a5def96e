package dnsupdate

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// cloudflareTLSA sends the requests of libdns to Cloudflare. In those that create a TLSA
// record it writes the fields of the record in place of its text, because the API accepts
// no text for this type and libdns sends only that.
type cloudflareTLSA struct{ client *http.Client }

// Do sends a request.
func (c cloudflareTLSA) Do(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
		body = withTLSAFields(body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return c.client.Do(r) //nolint:gosec // G704: libdns has made the request, and its address is constant
}

// withTLSAFields returns the body of a request with the fields of a TLSA record. Other
// bodies stay as they are.
func withTLSAFields(body []byte) []byte {
	var sent map[string]any
	if json.Unmarshal(body, &sent) != nil || sent["type"] != "TLSA" {
		return body
	}
	text, _ := sent["content"].(string)
	fields := strings.Fields(text)
	if len(fields) != 4 {
		return body
	}
	data := map[string]any{"certificate": fields[3]}
	for i, name := range []string{"usage", "selector", "matching_type"} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return body
		}
		data[name] = n
	}
	delete(sent, "content")
	sent["data"] = data
	changed, err := json.Marshal(sent)
	if err != nil {
		return body
	}
	return changed
}
