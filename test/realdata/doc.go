// Package realdata makes records for tests to load: those of a Debian package index, or made-up ones of the same
// sizes where there is no apt. Records are NDJSON: one JSON object a line, all fields text, the field "name"
// unique.
//
//	apt-cache dumpavail | go run ./test/realdata/dump > packages.ndjson
//	go run ./test/realdata/dump -synthetic 60000 -seed 1 > packages.ndjson
//
// A package of which the index holds several versions or architectures is one record a stanza: the first is
// called "name", the following "name_version_architecture", and a number is added should even that repeat.
//
// # Concurrency
//
// Functions may be called from any goroutine.
package realdata
