package dane_test

import (
	"crypto/x509"
	"fmt"

	"github.com/letterlock/letterlock/tlspolicy/dane"
)

// The record to publish for a certificate covers its key only, so it stays valid
// when a renewal keeps the key.
func ExampleOf() {
	leaf := &x509.Certificate{RawSubjectPublicKeyInfo: []byte("the key")}
	record := dane.Of(leaf)
	fmt.Println(dane.Name(25, "mx.example.com"), "IN TLSA", record)

	renewed := &x509.Certificate{RawSubjectPublicKeyInfo: []byte("the key"), Raw: []byte("new dates")}
	fmt.Println(record.Matches([]*x509.Certificate{renewed}))
	// Output:
	// _25._tcp.mx.example.com. IN TLSA 3 1 1 3a0aac44832e55528a834fec737786c999e7b8dea8bd601bb59f195237d58b2e
	// true
}

// Parse reads the data of a record from DNS.
func ExampleParse() {
	record, err := dane.Parse([]byte{3, 1, 1, 0xab, 0xcd})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(record, record.Usable()) // a SHA-256 has 32 bytes
	// Output: 3 1 1 abcd false
}
