// Package catalogue holds one script for each attack on a repository that is known,
// and for each piece of honest work that has to pass.
//
//	row       an attack, or a positive control (P): testdata/<row>.txtar
//	attack    what is done to the base repository, as a shell script with the words
//	          of prelude.sh
//	verdict   the decision of holdfast verify, and the codes that it gives
//	elsewhere rows that another surface than verify decides: the test that proves them
//	unproven  rows that cannot be scripted, and why
//
// docs/integrity.md is written from the rows: UPDATE=1 go test ./test/catalogue.
package catalogue
