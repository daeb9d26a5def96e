// Script prints the commands of a guide, and commands that write the files in it, as a
// script for sh:
//
//	go run ./internal/test/guide/script docs/guides/tutorial.md
package main

import (
	"fmt"
	"os"

	"github.com/letterlock/letterlock/internal/test/guide"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, b := range guide.Blocks(string(text)) {
		switch {
		case b.File != "":
			fmt.Printf("cat >%s <<'END_OF_FILE'\n%sEND_OF_FILE\n", b.File, b.Text)
		case b.Language == "sh":
			fmt.Print(b.Text)
		}
	}
}
