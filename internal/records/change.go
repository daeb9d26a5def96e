package records

import "strings"

// Change says what has to be changed in DNS so that a record is published.
type Change struct {
	Add    bool
	Remove []string // published records that the record replaces
	Manual string   // why the change is the administrator's; empty: it is not, or there is none
}

// Change returns the change for a record, with the result of Published. It adds no record
// that would compete with another server's, and replaces only an older id of the MTA-STS
// policy, beside which the new one would have no effect (RFC 8461 §3.1).
func (r Record) Change(published bool, others []string) Change {
	c := Change{Add: !published}
	switch r.Type {
	case "TXT":
		if !published && strings.Contains(r.Data, `" "`) {
			return Change{Manual: "it has several strings, which not all DNS hosts take from a program: add it by hand"}
		}
		if strings.HasPrefix(r.Name, "_mta-sts.") {
			c.Remove = policies(others)
		}
	case "CAA":
		if !published && len(others) == 0 {
			return Change{Manual: "the domain allows all CAs, and this record would allow one: add it by hand, with those of your other servers"}
		}
	default:
		if !published && len(others) > 0 {
			return Change{Manual: "the name has other records: change them by hand if this server is to take their place"}
		}
	}
	return c
}

// policies returns the records of MTA-STS.
func policies(all []string) (found []string) {
	for _, data := range all {
		if strings.HasPrefix(data, `"v=STSv1;`) {
			found = append(found, data)
		}
	}
	return found
}
