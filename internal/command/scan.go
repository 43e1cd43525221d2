package command

import "github.com/katakv/katakv"

// Scan asks one shard for a [Page] of the records whose keys begin with Prefix, in the order of slots, and within a
// slot in that of keys.
type Scan struct {
	// Slot is where the page begins; its shard answers.
	Slot katakv.Slot
	// Start is the least key of Slot that is wanted; all of later slots are.
	Start  []byte
	Prefix []byte
}

// Operation returns the scan as an operation, which keeps its slices.
func (s *Scan) Operation() Operation {
	return Operation{Kind: KindScan, Delta: int64(s.Slot), Values: [][]byte{s.Prefix, s.Start}}
}

// ScanOf returns the scan that op, of KindScan and well formed, asks for.
func ScanOf(op *Operation) Scan {
	return Scan{Slot: katakv.Slot(op.Delta), Prefix: op.Values[0], Start: op.Values[1]}
}

// Page is the answer to a Scan: as many records as the state machine reads at a time, perhaps none.
type Page struct {
	Records []Record
	// Next is the slot at which the next page begins, and Start the least key wanted of it. Next is the slot behind
	// those of the shard when the shard has nothing more; that may be katakv.SlotCount.
	Next  int
	Start []byte
}

// pageHeader is how many elements come before the records of a page, which are three each.
const pageHeader = 2

// Reply returns the page as a reply, which keeps its slices: an array of next slot, start, and then key, revision and
// value of each record.
func (p *Page) Reply() Reply {
	array := make([]Reply, 0, pageHeader+3*len(p.Records))
	array = append(array, IntReply(int64(p.Next)), BulkReply(p.Start))
	for i := range p.Records {
		r := &p.Records[i]
		array = append(array, BulkReply(r.Key), IntReply(int64(r.Revision)), BulkReply(r.Value))
	}
	return Reply{Kind: ReplyArray, Array: array}
}

// Page reads the reply of a Page. Any other reply is an error that wraps [ErrMalformed].
func (r *Reply) Page() (Page, error) {
	a := r.Array
	if r.Kind != ReplyArray || len(a) < pageHeader || (len(a)-pageHeader)%3 != 0 ||
		a[0].Kind != ReplyInt || a[0].Int < 0 || a[0].Int > katakv.SlotCount || a[1].Kind != ReplyBulk {
		return Page{}, malformed("reply of kind %d is no page", r.Kind)
	}
	page := Page{Next: int(a[0].Int), Start: a[1].Bulk, Records: make([]Record, 0, len(a)/3)}
	for a = a[pageHeader:]; len(a) > 0; a = a[3:] {
		revision, err := a[1].revision()
		if err != nil || a[0].Kind != ReplyBulk || a[2].Kind != ReplyBulk {
			return Page{}, malformed("record of a page")
		}
		page.Records = append(page.Records, Record{Key: a[0].Bulk, Revision: revision, Value: a[2].Bulk})
	}
	return page, nil
}
