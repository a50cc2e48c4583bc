package spill

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"sync"
)

// A record on disk is a frame, little-endian:
//
//	offset  bytes
//	     0      4  frameMagic
//	     4      4  length of the payload, 1 to MaxPayload
//	     8      4  CRC-32C of the payload
//	    12      4  CRC-32C of the twelve bytes before
//	    16         the payload
//
// The header has a checksum of its own so that its length can be believed when
// the payload is damaged: then exactly one record is lost, and reading it back
// takes time linear in the file's size, whatever a stranger has put there.
//
// Both checksums begin at the file's salt, a random number in its name. After
// damage the reader looks for the next frame anywhere, inside payloads too,
// and payloads hold what a function printed, which may be what its users sent.
// They cannot know the salt, so they cannot make it find a record of theirs.
const (
	frameHeader = 16

	// MaxPayload is the largest payload in bytes. DynamoDB takes items up to
	// 400 KB; an encoded row is well below.
	MaxPayload = 1 << 20
)

// frameMagic begins with a byte that occurs nowhere in UTF-8; its last byte is
// the format's version.
var frameMagic = []byte{0xF5, 'L', 'T', 1}

// castagnoli is made when it is needed first: that takes 0.3 ms, which would be
// a part of every cold start.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

func checksum(salt uint32, data []byte) uint32 { return crc32.Update(salt, castagnoli(), data) }

func frameSize(payload []byte) int { return frameHeader + len(payload) }

func appendFrame(dst []byte, salt uint32, payload []byte) []byte {
	start := len(dst)
	dst = append(dst, frameMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, checksum(salt, payload))
	dst = binary.LittleEndian.AppendUint32(dst, checksum(salt, dst[start:]))
	return append(dst, payload...)
}

// scanFrames calls visit with the payload of every intact frame of data, in
// order, and returns how many records are damaged: one for each intact header
// without its payload, one for each run of bytes that is not a frame.
// Neighbours that are damaged together may be one run, so damaged is a lower
// bound. Payloads are parts of data.
func scanFrames(data []byte, salt uint32, visit func(payload []byte)) (damaged int) {
	for off := 0; off < len(data); {
		size := frameAt(data[off:], salt)
		if size == 0 {
			damaged++
			off = resync(data, off+1, salt)
			continue
		}
		if payload := data[off+frameHeader : off+size : off+size]; framed(data[off:], salt, payload) {
			visit(payload)
		} else {
			damaged++
		}
		off += size
	}
	return damaged
}

// resync returns the offset of the first frame with an intact header at or
// after off, or len(data).
func resync(data []byte, off int, salt uint32) int {
	for off < len(data) {
		i := bytes.Index(data[off:], frameMagic)
		if i < 0 {
			break
		}
		off += i
		if frameAt(data[off:], salt) > 0 {
			return off
		}
		off++
	}
	return len(data)
}

// frameAt returns the size of the frame at the beginning of data, or 0 if its
// header is damaged or data ends before it does.
func frameAt(data []byte, salt uint32) int {
	if len(data) < frameHeader || !bytes.HasPrefix(data, frameMagic) {
		return 0
	}
	if checksum(salt, data[:12]) != binary.LittleEndian.Uint32(data[12:]) {
		return 0
	}
	length := binary.LittleEndian.Uint32(data[4:])
	if length == 0 || length > MaxPayload || int(length) > len(data)-frameHeader {
		return 0
	}
	return frameHeader + int(length)
}

func framed(header []byte, salt uint32, payload []byte) bool {
	return checksum(salt, payload) == binary.LittleEndian.Uint32(header[8:])
}
