// Mutants takes the defences of docs/attacks.md out of the proxy, one by one,
// and sees that the tests of their rows fail: a test that passes without its
// defence proves nothing.
//
//	go run ./attacks/mutants            all of them, about half an hour
//	go run ./attacks/mutants B1 C       those of a row, or of a letter
//	go run ./attacks/mutants b.diff:56  one, by its place in the table
//	go run ./attacks/mutants -list      what there is
//
// The mutants stand in table, a file for each letter. One is a line that says
// which rows must notice what is missing, and then the change as in a diff
// without line numbers, whose old lines occur in their file once:
//
//	mutant A13: pop3: STLS takes an argument
//	--- pop3/plaintext.go
//	-	if c.arg != "" {
//	+	if false {
//
// A defence whose tests stand outside of ./attacks names their package in a
// line behind the first, as in: tests ./internal/app
//
// Between mutants, lines with # are for the reader. The tree is not touched:
// the go tool is given the changed file in the place of the one that is there
// (-overlay). A mutant is killed when a test of each of its rows fails; one
// that does not compile, or that ends otherwise than in a failed test, proves
// nothing and counts as a survivor.
//
// Rows whose defence is not in this tree have no mutant; elsewhere.txt is the
// list of them, and says where the defence is.
package main
