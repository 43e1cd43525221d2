package slot

import (
	"bytes"

	"github.com/katakv/katakv"
)

// crcPolynomial is CRC16's generator x^16 + x^12 + x^5 + 1 in the XMODEM variant: initial value zero, no
// reflection, no final exclusive or. Source: Redis Cluster specification, appendix A.
const crcPolynomial = 0x1021

// crcTable holds the CRC16 of every single byte.
var crcTable = makeCRCTable()

func makeCRCTable() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ crcPolynomial
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}

// Of returns the slot of key. If key holds a '{' and a later '}' with at least one byte between the first '{'
// and the first '}' after it, only those bytes, the hash tag, are hashed; otherwise all of key is. It keeps no
// reference to key.
func Of(key []byte) katakv.Slot {
	return katakv.Slot(crc16(hashTag(key)) % katakv.SlotCount)
}

// hashTag returns the part of key that decides its slot.
func hashTag(key []byte) []byte {
	open := bytes.IndexByte(key, '{')
	if open < 0 {
		return key
	}
	rest := key[open+1:]
	// An empty tag, "{}", counts as no tag, even when a complete one follows: so says the specification.
	if length := bytes.IndexByte(rest, '}'); length > 0 {
		return rest[:length]
	}
	return key
}

func crc16(b []byte) uint16 {
	var crc uint16
	for _, c := range b {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^c]
	}
	return crc
}

// OfPrefix returns the slot of every key that begins with prefix, or false when they may lie in several: prefix
// decides only when it holds a whole hash tag.
func OfPrefix(prefix []byte) (katakv.Slot, bool) {
	if tag := hashTag(prefix); len(tag) < len(prefix) {
		return Of(prefix), true
	}
	return 0, false
}
