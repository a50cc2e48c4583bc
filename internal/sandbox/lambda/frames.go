package lambda

import (
	"bytes"
	"encoding/binary"
)

// The framed log channel: a file descriptor that AWS's managed runtimes write
// log messages to, so that one of several lines stays one record. A frame is,
// in network byte order, a type, the message's length, a time in microseconds
// since 1970, and the message. The type says Text or JSON, which the message
// itself shows too, and perhaps a level. (Source: AWS's runtime interface
// clients for Python, Node.js and Java, which all write it.)
const (
	logFrameVariable = "_LAMBDA_TELEMETRY_LOG_FD=3" // the first of exec.Cmd's ExtraFiles

	frameHeader  = 4 + 4 + 8
	frameMagic   = 0xa55a
	frameMaximum = 64 << 20 // longer is taken for garbage
)

// frames hands on the messages of the complete frames of data and returns the
// rest. What is not a frame is handed on as it is, for a test to stumble over.
func (s *stream) frames(data []byte) []byte {
	data, half := s.cutHalfMarker(data)
	for len(data) >= frameHeader {
		length := int(binary.BigEndian.Uint32(data[4:]))
		if binary.BigEndian.Uint16(data) != frameMagic || length > frameMaximum {
			s.onLine(append([]byte("not a log frame: "), data...))
			data = nil
			break
		}
		if len(data) < frameHeader+length {
			break
		}
		s.onLine(data[frameHeader : frameHeader+length])
		data = data[frameHeader+length:]
	}
	return append(bytes.Clone(data), half...)
}

// cutHalfMarker cuts off the beginning of a marker that data may end with: it
// must not be taken for a part of a frame.
func (s *stream) cutHalfMarker(data []byte) (before, half []byte) {
	for n := min(len(s.marker)-1, len(data)); n > 0; n-- {
		if at := len(data) - n; bytes.Equal(data[at:], s.marker[:n]) {
			return data[:at], data[at:]
		}
	}
	return data, nil
}
