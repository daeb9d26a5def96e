package smtp

import "testing"

// TestRecipients checks the list; the e2e tests try hidden routes on real
// servers.
func TestRecipients(t *testing.T) {
	takes := Recipients([]string{"bank.example", ".sub.example", "info@other.example", "xn--mller-kva.example", ".xn--bcher-kva.example", "büro@xn--strae-oqa.example"})
	for address, want := range map[string]bool{
		"a@bank.example": true, "A@BANK.EXAMPLE": true, `"a b"@bank.example`: true, "a@MÜLLER.example": true, "a@xn--mller-kva.example": true, "a@XN--MLLER-KVA.EXAMPLE": true,
		"a@x.bücher.example": true, "a@x.xn--bcher-kva.example": true, "a@xn--bcher-kva.example": false, "a@bücher.example": false,
		"Büro@straße.example": true, "BÜRO@xn--strae-oqa.example": true, "buero@straße.example": false,
		"a@mu\u0308ller.example": false, "a@ｂank.example": false, "a@müller。example": false, "a@\u00fc\xff.example": false,
		"a@x.sub.example": true, "a@x.y.SUB.example": true, "a@sub.example": false, "a@xsub.example": false,
		"Info@Other.example": true, "a@other.example": false,
		"postmaster": true, "PostMaster": true, "postmaster@elsewhere.example": false, `"postmaster"`: false,
		"a@ban\u212a.example": false, "po\u017ftmaster": false, "\u212a@bank.example": false,
		"a": false, "@bank.example": false, "a@": false, "": false, "a@bank.example.": true, "a@bank.example..": false, "a@[192.0.2.1]": false,
		"a%elsewhere.example@bank.example": false, "elsewhere.example!a@bank.example": false, "@bank.example:a@elsewhere.example": false,
		"@elsewhere.example:a@bank.example": false, `"a@elsewhere.example"@bank.example`: false, "a@elsewhere.example@bank.example": false,
	} {
		if got := takes(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
