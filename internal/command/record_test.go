package command_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/command"
)

func TestTypedReplies(t *testing.T) {
	record := command.RecordReply(7, []byte("v"))
	if got, found, err := record.Record(); err != nil || !found || got.Revision != 7 || string(got.Value) != "v" {
		t.Errorf("record: got %+v, %v, %v", got, found, err)
	}
	missing := command.Reply{}
	if _, found, err := missing.Record(); found || err != nil {
		t.Errorf("missing record: got %v, %v", found, err)
	}
	for _, want := range []command.Change{{}, {Applied: true, Revision: katakv.MaxRevision}, {Revision: 5}, {Applied: true}} {
		reply := want.Reply()
		if got, err := reply.Change(); err != nil || got != want {
			t.Errorf("change: got %+v, %v; want %+v", got, err, want)
		}
	}
	want := command.Page{Next: 99, Start: []byte("s"), Records: []command.Record{
		{Key: []byte("a"), Revision: 1, Value: []byte("x")}, {Key: []byte{}, Revision: 2, Value: []byte{}},
	}}
	page := want.Reply()
	if got, err := page.Page(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("page: got %+v, %v; want %+v", got, err, want)
	}
	scan := command.Scan{Slot: 16383, Start: []byte("s"), Prefix: []byte("p")}
	op := scan.Operation()
	if err := op.Check(); err != nil || !reflect.DeepEqual(command.ScanOf(&op), scan) {
		t.Errorf("scan: got %+v, %v; want %+v", command.ScanOf(&op), err, scan)
	}
}

// FuzzTypedReply takes any reply of another node: it is read, or refused as malformed.
func FuzzTypedReply(f *testing.F) {
	for _, r := range replies() {
		f.Add(command.AppendReply(nil, &r))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _, err := command.DecodeReply(data)
		if err != nil {
			return
		}
		_, _, recordErr := r.Record()
		_, changeErr := r.Change()
		_, pageErr := r.Page()
		for _, err := range []error{recordErr, changeErr, pageErr} {
			if err != nil && !errors.Is(err, command.ErrMalformed) {
				t.Fatalf("got %v, want ErrMalformed", err)
			}
		}
	})
}
