package records

import (
	"reflect"
	"testing"
)

// Records that are missing are added; those of other servers stay, and only an older id
// of the policy is replaced.
func TestChange(t *testing.T) {
	for _, tt := range []struct {
		name, kind string
		published  bool
		others     []string
		want       Change
	}{
		{"example.test.", "MX", false, nil, Change{Add: true}},
		{"example.test.", "MX", true, []string{"20 other.test."}, Change{}},
		{"example.test.", "MX", false, []string{"10 other.test."}, Change{Manual: "x"}},
		{"_imaps._tcp.example.test.", "SRV", false, []string{"0 0 0 ."}, Change{Manual: "x"}},
		{"mta-sts.example.test.", "CNAME", false, []string{"other.test."}, Change{Manual: "x"}},
		{"_mta-sts.example.test.", "TXT", false, []string{`"v=STSv1; id=1;"`, `"v=spf1"`}, Change{Add: true, Remove: []string{`"v=STSv1; id=1;"`}}},
		{"_mta-sts.example.test.", "TXT", true, []string{`"v=STSv1; id=1;"`}, Change{Remove: []string{`"v=STSv1; id=1;"`}}},
		{"_smtp._tls.example.test.", "TXT", false, []string{`"v=spf1"`}, Change{Add: true}},
		{"example.test.", "CAA", false, nil, Change{Manual: "x"}},
		{"example.test.", "CAA", false, []string{`0 issue "ca.test"`}, Change{Add: true}},
		{"example.test.", "CAA", true, nil, Change{}},
	} {
		got := Record{Name: tt.name, Type: tt.kind}.Change(tt.published, tt.others)
		if got.Manual != "" {
			got.Manual = "x" // the words are for people
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s %s %v %q: %+v", tt.name, tt.kind, tt.published, tt.others, got)
		}
	}
}
