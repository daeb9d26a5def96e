package oauth

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/oauth2"
)

// Refused is the error of a provider that refuses to issue a token.
type Refused struct {
	Code   string // RFC 6749 §5.2, such as invalid_grant
	Text   string // the provider's, in one line
	Remedy string
}

func (r *Refused) Error() string {
	text := "the provider refuses a token: " + r.Code
	if r.Text != "" {
		text += " (" + r.Text + ")"
	}
	return text + "; " + r.Remedy
}

// maxText bounds the provider's text, in bytes.
const maxText = 200

// remedies tell the administrator what to do, by the code of RFC 6749 §5.2 and
// RFC 8628 §3.5, or by Microsoft's number in the text.
var remedies = []struct{ sign, remedy string }{
	{"AADSTS65001", "an administrator of the tenant must consent to the application's permissions (SMTP.Send or SMTP.SendAsApp)"},
	{"AADSTS7000222", "the client secret has expired: make a new one for the application"},
	{"AADSTS7000215", "the client secret is wrong: use its value, not its ID"},
	{"AADSTS700016", "the tenant does not know the application: correct client_id and tenant"},
	{"AADSTS50076", "the account needs a second factor: run letterlock oauth login again"},
	{"iat and exp", "the clock of this machine differs from the provider's: set it by NTP"}, // Google's, of a service account
	{"consent_required", "a user or an administrator must consent to the application's permissions: run letterlock oauth login"},
	{"interaction_required", "the user must sign in: run letterlock oauth login"},
	{"invalid_grant", "the consent was withdrawn or has expired: run letterlock oauth login"},
	{"invalid_client", "correct client_id and the client secret"},
	{"unauthorized_client", "permit this grant for the application at the provider"},
	{"invalid_scope", "correct scopes"},
	{"access_denied", "the user has refused the consent"},
	{"expired_token", "the code expired before it was entered: run letterlock oauth login again"},
}

// explain turns an error of x/oauth2 into one without a secret and with a remedy.
// The error of x/oauth2 itself holds the whole body of the answer.
func explain(err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if errors.Is(err, errNoToken) || errors.Is(err, errNoConsent) {
			return err
		}
		return fmt.Errorf("the provider's token endpoint cannot be used: %w", withoutURL(err))
	}
	code := answer.ErrorCode
	if code == "" {
		return fmt.Errorf("the provider's token endpoint has answered with HTTP status %d", answer.Response.StatusCode)
	}
	refused := &Refused{Code: oneLine(code), Text: oneLine(answer.ErrorDescription), Remedy: "ask the provider"}
	for _, r := range remedies {
		if strings.Contains(answer.ErrorDescription, r.sign) || code == r.sign {
			refused.Remedy = r.remedy
			break
		}
	}
	return refused
}

// oneLine makes a provider's text printable, in one line and bounded.
func oneLine(text string) string {
	text, _, _ = strings.Cut(text, "\r")
	text, _, _ = strings.Cut(text, "\n")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), maxText)]
}
