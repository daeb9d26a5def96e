package autoconfig

import (
	"encoding/xml"
	"net/http"
)

const kindXML = "text/xml; charset=utf-8"

// clientConfig is version 1.1 of Thunderbird's format, which other programs read too:
// https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat.
type clientConfig struct {
	XMLName  xml.Name      `xml:"clientConfig"`
	Version  string        `xml:"version,attr"`
	Provider emailProvider `xml:"emailProvider"`
}

type emailProvider struct {
	ID        string              `xml:"id,attr"`
	Domain    string              `xml:"domain"`
	Name      string              `xml:"displayName"`
	ShortName string              `xml:"displayShortName"`
	Incoming  []thunderbirdServer `xml:"incomingServer"`
	Outgoing  []thunderbirdServer `xml:"outgoingServer"`
}

type thunderbirdServer struct {
	Type           string `xml:"type,attr"`
	Host           string `xml:"hostname"`
	Port           int    `xml:"port"`
	Socket         string `xml:"socketType"`
	Authentication string `xml:"authentication"`
	User           string `xml:"username"`
}

// thunderbird answers with all servers. Placeholders stand for the user, so that the
// answer depends on the domain alone.
func (h *handler) thunderbird(_ *http.Request, a account) (answer, error) {
	user := "%EMAILADDRESS%"
	if h.Settings.LocalPart {
		user = "%EMAILLOCALPART%"
	}
	name := h.Settings.name(a)
	p := emailProvider{ID: a.domain, Domain: a.domain, Name: name, ShortName: name}
	for _, s := range h.Settings.Servers {
		server := thunderbirdServer{Type: s.Protocol, Host: s.Host, Port: s.Port, Socket: "STARTTLS", Authentication: "password-cleartext", User: user}
		if s.Implicit {
			server.Socket = "SSL"
		}
		if s.Challenge {
			server.Authentication = "password-encrypted"
		}
		if s.Protocol == "smtp" {
			p.Outgoing = append(p.Outgoing, server)
		} else {
			p.Incoming = append(p.Incoming, server)
		}
	}
	return xmlAnswer(clientConfig{Version: "1.1", Provider: p})
}

func xmlAnswer(v any) (answer, error) {
	text, err := xml.MarshalIndent(v, "", "  ")
	return answer{kindXML, append([]byte(xml.Header), text...)}, err
}
