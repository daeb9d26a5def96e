// Mutants removes the defences of docs/attacks.md from the proxy, one by one,
// and checks that the tests of their rows fail: a test that passes without its
// defence proves nothing.
//
//	go run ./attacks/mutants            all of them, about half an hour
//	go run ./attacks/mutants B1 C       those of a row, or of a letter
//	go run ./attacks/mutants b.diff:56  one, by its position in the table
//	go run ./attacks/mutants -list      list them
//
// The mutants are in the folder table, a file for each letter. A mutant is a
// line with the rows whose tests must fail, and the change as a diff without
// line numbers. The old lines must occur in their file once:
//
//	mutant A13: pop3: STLS takes an argument
//	--- pop3/plaintext.go
//	-	if c.arg != "" {
//	+	if false {
//
// If the tests of a defence are outside of ./attacks, a second line names their
// package, as in: tests ./internal/app
//
// Between mutants, lines with # are comments. The tree is not changed: the go
// tool reads the changed file instead of the original (-overlay). A mutant is
// killed when a test of each of its rows fails. A mutant that does not compile,
// or that ends in another way than by a failed test, counts as a survivor.
//
// Rows whose defence is not in this tree have no mutant; elsewhere.txt lists
// them with the location of the defence.
package main
