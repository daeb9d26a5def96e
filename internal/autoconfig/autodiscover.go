package autoconfig

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"
)

// The namespaces of Autodiscover's answers (MS-OXDSCLI §2.2.2).
const (
	responseNS = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
	outlookNS  = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)

type autodiscover struct {
	XMLName  xml.Name `xml:"Autodiscover"`
	NS       string   `xml:"xmlns,attr"`
	Response outlookResponse
}

type outlookResponse struct {
	NS      string       `xml:"xmlns,attr"`
	User    *outlookUser `xml:"User,omitempty"`
	Account outlookAccount
}

type outlookUser struct{ DisplayName string }

type outlookAccount struct {
	AccountType, Action string
	Protocol            []outlookServer
}

// outlookServer is a server of one protocol. Encryption, which Outlook has known since
// 2010, takes precedence over SSL.
type outlookServer struct {
	Type, Server                         string
	Port                                 int
	LoginName                            string `xml:",omitempty"`
	DomainRequired, SPA, SSL, Encryption string
	AuthRequired                         string
}

// autodiscover answers Outlook with the preferred server of each protocol. Servers that
// accept passwords by CRAM-MD5 only are omitted, because Outlook does not know it.
func (h *handler) autodiscover(_ *http.Request, a account) (answer, error) {
	r := outlookResponse{NS: outlookNS, Account: outlookAccount{AccountType: "email", Action: "settings"}}
	if address := a.address(); address != "" {
		r.User = &outlookUser{address}
	}
	for _, protocol := range []string{"imap", "pop3", "smtp"} {
		s, ok := h.Settings.first(protocol)
		if !ok || s.Challenge {
			continue
		}
		encryption := "TLS" // by STARTTLS
		if s.Implicit {
			encryption = "SSL"
		}
		r.Account.Protocol = append(r.Account.Protocol, outlookServer{
			Type: strings.ToUpper(protocol), Server: s.Host, Port: s.Port, LoginName: h.Settings.login(a),
			DomainRequired: "off", SPA: "off", SSL: "on", Encryption: encryption, AuthRequired: "on",
		})
	}
	return xmlAnswer(autodiscover{NS: responseNS, Response: r})
}

// jsonAnswer is the answer of Autodiscover V2, which says where the XML is.
type jsonAnswer struct{ Protocol, Url string }

// autodiscoverJSON answers for the one protocol that is served. Others are
// Exchange's.
func (h *handler) autodiscoverJSON(r *http.Request, _ account) (answer, error) {
	if !strings.EqualFold(firstOf(r, "Protocol", "protocol"), "AutodiscoverV1") {
		return answer{}, errProtocol
	}
	text, err := json.Marshal(jsonAnswer{"AutodiscoverV1", "https://" + hostOf(r) + AutodiscoverPath})
	return answer{"application/json; charset=utf-8", text}, err
}

// jsonVersion precedes an address in the path.
const jsonVersion = JSONPath + "/v1.0/"

// firstOf returns the first of some parameters that the query has.
func firstOf(r *http.Request, names ...string) string {
	query := r.URL.Query()
	for _, name := range names {
		if value := query.Get(name); value != "" {
			return value
		}
	}
	return ""
}
