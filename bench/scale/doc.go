// Scale simulates an installation of several instances at its busiest hour, and
// prints how many instances a number of users needs, and what the shared store
// has to do.
//
// The costs are measured ones: `make bench` writes those of a session to
// docs/performance.csv, and `make test-cluster COSTS=docs/scale.csv` writes those of the
// store to docs/scale.csv. What users do is an assumption: each flag is one, and
// its default is in the table that the program prints.
//
//	go run ./bench/scale                   # prints the tables of docs/scale.md
//	go run ./bench/scale -users 30000 -cores 4
//	go run ./bench/scale -write docs       # writes the tables
package main
