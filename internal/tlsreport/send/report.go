package send

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/tlsreport"
	"github.com/letterlock/letterlock/internal/tlsreport/days"
)

// report is the report to a domain about a day.
type report struct {
	id        string // also that of the message: a receiver recognises a repetition
	domain    string
	submitter string // the domain of the sender
	from, to  time.Time
	zipped    []byte // the JSON text, compressed
}

// reportOf writes a report (RFC 8460 §4).
func (s *Sender) reportOf(d days.Due) (report, error) {
	_, submitter, _ := strings.Cut(s.o.From, "@")
	r := report{domain: d.Domain, submitter: submitter, from: d.Day, to: d.Day.AddDate(0, 0, 1).Add(-time.Second)}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.o.Name + "\x00" + d.Domain))
	r.id = fmt.Sprintf("%s.%016x@%s", d.Day.Format("20060102"), h.Sum64(), submitter)
	text, err := json.Marshal(tlsreport.Report{
		Organization: s.o.Organization, Range: tlsreport.Range{Start: r.from, End: r.to}, Contact: s.o.From, ID: r.id, Policies: d.Results,
	})
	if err != nil {
		return r, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(text)
	if closed := w.Close(); err == nil {
		err = closed
	}
	r.zipped = b.Bytes()
	return r, err
}

// file returns the name of the attachment (RFC 8460 §5.1).
func (r report) file() string {
	return strings.Join([]string{r.submitter, r.domain, strconv.FormatInt(r.from.Unix(), 10), strconv.FormatInt(r.to.Unix(), 10)}, "!") + ".json.gz"
}
