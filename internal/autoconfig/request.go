package autoconfig

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// The bounds of a request of Autodiscover. Outlook's has about 300 bytes, and elements
// in three levels.
const (
	maxRequest = 16 << 10
	maxDepth   = 8
)

// request holds the fields of a request of Autodiscover that decide the answer.
type request struct{ address, schema string }

// parseRequest reads the address of a request of Autodiscover (MS-OXDSCLI §2.2.3). It
// refuses declarations, so that there are no entities but those of XML, and requests for
// other answers than Outlook's.
func parseRequest(body io.Reader) (address string, err error) {
	decoder := xml.NewDecoder(body)
	var found request
	var path []string
	closed := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", errRequest
		}
		switch t := token.(type) {
		case xml.StartElement:
			if closed || len(path) == maxDepth {
				return "", errRequest
			}
			path = append(path, t.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
			closed = len(path) == 0
		case xml.CharData:
			found.add(strings.Join(path, "/"), string(t))
		case xml.Directive:
			return "", errRequest
		}
	}
	return found.check()
}

// add adds text to the element of a path.
func (r *request) add(path, text string) {
	switch path {
	case "Autodiscover/Request/EMailAddress":
		r.address += text
	case "Autodiscover/Request/AcceptableResponseSchema":
		r.schema += text
	}
}

func (r *request) check() (address string, err error) {
	address, schema := strings.TrimSpace(r.address), strings.TrimSpace(r.schema)
	switch {
	case address == "":
		return "", errRequest
	case schema != "" && schema != outlookNS:
		return "", errProtocol
	}
	return address, nil
}
