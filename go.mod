module github.com/katakv/katakv

go 1.26

require (
	github.com/cockroachdb/pebble/v2 v2.1.7
	github.com/spf13/cobra v1.10.2
	go.etcd.io/raft/v3 v3.7.0
	google.golang.org/protobuf v1.36.12
)

require github.com/google/btree v1.1.3 // indirect
