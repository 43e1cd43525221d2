package command

import (
	"encoding/binary"
	"fmt"

	"github.com/katakv/katakv"
)

// The binary form of a reply, as forwarded requests carry it back:
//
//	nil    0
//	OK     1
//	int    2 varint
//	bulk   3 uvarint bytes
//	array  4 uvarint reply*
//	error  5 code(1 B) uvarint message  uvarint slot  uvarint leader

const (
	// maxReplyDepth bounds nested arrays: no command nests deeper than two, and decoding recurses.
	maxReplyDepth = 4

	// maxMessageBytes bounds an error's sentence; longer ones are cut when they are encoded.
	maxMessageBytes = 4 << 10

	// firstArrayRoom is how many elements are given room before any is seen: a claimed count alone must not
	// make anyone allocate.
	firstArrayRoom = 64
)

// AppendReply appends the binary form of r to dst and returns the longer slice. It keeps nothing of r.
func AppendReply(dst []byte, r *Reply) []byte { return appendReply(dst, r, 0) }

func appendReply(dst []byte, r *Reply, depth int) []byte {
	checkEncodable(depth <= maxReplyDepth, "nested too deeply")
	dst = append(dst, byte(r.Kind))
	switch r.Kind {
	case ReplyNil, ReplyOK:
	case ReplyInt:
		dst = binary.AppendVarint(dst, r.Int)
	case ReplyBulk:
		dst = appendBytes(dst, r.Bulk)
	case ReplyArray:
		dst = binary.AppendUvarint(dst, uint64(len(r.Array)))
		for i := range r.Array {
			dst = appendReply(dst, &r.Array[i], depth+1)
		}
	case ReplyError:
		checkEncodable(r.Err != nil, "an error without an error")
		message := r.Err.Message
		if len(message) > maxMessageBytes {
			message = message[:maxMessageBytes]
		}
		dst = append(dst, byte(r.Err.Code))
		dst = binary.AppendUvarint(dst, uint64(len(message)))
		dst = append(dst, message...)
		dst = binary.AppendUvarint(dst, uint64(r.Err.Slot))
		dst = binary.AppendUvarint(dst, uint64(r.Err.Leader))
	default:
		checkEncodable(false, fmt.Sprintf("kind %d", r.Kind))
	}
	return dst
}

// DecodeReply reads one reply from the front of data and returns what follows it. The reply's slices alias
// data. Errors wrap [ErrMalformed].
func DecodeReply(data []byte) (r Reply, rest []byte, err error) {
	rest, err = decodeReply(&r, data, 0)
	if err != nil {
		return Reply{}, nil, err
	}
	return r, rest, nil
}

func decodeReply(r *Reply, data []byte, depth int) (rest []byte, err error) {
	if len(data) == 0 {
		return nil, malformed("reply of 0 bytes")
	}
	r.Kind = ReplyKind(data[0])
	data = data[1:]
	ok := true
	switch r.Kind {
	case ReplyNil, ReplyOK:
	case ReplyInt:
		r.Int, data, ok = takeVarint(data)
	case ReplyBulk:
		r.Bulk, data, ok = takeBytes(data, katakv.MaxValueBytes)
	case ReplyArray:
		return decodeArray(r, data, depth)
	case ReplyError:
		return decodeError(r, data)
	default:
		return nil, malformed("reply of kind %d", r.Kind)
	}
	if !ok {
		return nil, malformed("reply of kind %d cut short", r.Kind)
	}
	return data, nil
}

func decodeArray(r *Reply, data []byte, depth int) ([]byte, error) {
	if depth == maxReplyDepth {
		return nil, malformed("reply nested deeper than %d", maxReplyDepth)
	}
	n, data, ok := takeCount(data)
	if !ok || n > len(data) {
		return nil, malformed("number of array elements")
	}
	r.Array = make([]Reply, 0, min(n, firstArrayRoom))
	for range n {
		var element Reply
		var err error
		if data, err = decodeReply(&element, data, depth+1); err != nil {
			return nil, err
		}
		r.Array = append(r.Array, element)
	}
	return data, nil
}

func decodeError(r *Reply, data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, malformed("error without a code")
	}
	code := katakv.Code(data[0])
	if !code.Valid() {
		return nil, malformed("error code %d", uint8(code))
	}
	message, data, ok := takeBytes(data[1:], maxMessageBytes)
	if !ok {
		return nil, malformed("error message")
	}
	slot, data, ok := takeUvarint(data)
	if !ok || slot >= katakv.SlotCount {
		return nil, malformed("error slot")
	}
	leader, data, ok := takeUvarint(data)
	if !ok {
		return nil, malformed("error leader")
	}
	r.Err = &katakv.Error{
		Code: code, Message: string(message), Slot: katakv.Slot(slot), Leader: katakv.NodeID(leader),
	}
	return data, nil
}
