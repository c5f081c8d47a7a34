package table

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// A text appends a value, which comes as PLAIN has it, as JSON.
type text func(dst, raw []byte) []byte

// textOf returns how values of a leaf are written: by what the schema says that they mean, else by how they are stored.
func textOf(s *format.SchemaElement) text {
	kind, length := s.Type.V, int(s.TypeLength.V)
	if f := logicalText(s, kind, length); f != nil {
		return f
	}
	if f := convertedText(s, kind, length); f != nil {
		return f
	}
	switch kind {
	case format.Boolean:
		return appendBool
	case format.Int32:
		return appendInt32
	case format.Int64:
		return appendInt64
	case format.Int96:
		return appendInt96
	case format.Float:
		return func(dst, raw []byte) []byte {
			return appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))), 32)
		}
	case format.Double:
		return func(dst, raw []byte) []byte {
			return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(raw)), 64)
		}
	}
	return appendBytes
}

// logicalText knows the types that a schema names today.
func logicalText(s *format.SchemaElement, kind format.Type, length int) text {
	ints := kind == format.Int32 || kind == format.Int64
	blob := kind == format.ByteArray || kind == format.FixedLenByteArray
	switch l := s.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType:
		if blob {
			return appendString
		}
	case *format.JsonType:
		if blob {
			return appendJSON
		}
	case *format.UUIDType:
		if kind == format.FixedLenByteArray && length == 16 {
			return appendUUID
		}
	case *format.DecimalType:
		return decimal(kind, l.Scale)
	case *format.DateType:
		if kind == format.Int32 {
			return appendDate
		}
	case *format.TimeType:
		if unit := perSecond(l.Unit); ints && unit > 0 {
			return clock(kind, unit)
		}
	case *format.TimestampType:
		if unit := perSecond(l.Unit); kind == format.Int64 && unit > 0 {
			return timestamp(unit, l.IsAdjustedToUTC)
		}
	case *format.IntType:
		if ints && !l.IsSigned {
			return unsigned(kind, l.BitWidth)
		}
	case *format.Float16Type:
		if kind == format.FixedLenByteArray && length == 2 {
			return appendHalf
		}
	}
	return nil
}

// convertedText knows the types as files of old name them.
func convertedText(s *format.SchemaElement, kind format.Type, length int) text {
	if !s.ConvertedType.Valid {
		return nil
	}
	ints := kind == format.Int32 || kind == format.Int64
	blob := kind == format.ByteArray || kind == format.FixedLenByteArray
	switch c := s.ConvertedType.V; {
	case blob && (c == deprecated.UTF8 || c == deprecated.Enum):
		return appendString
	case blob && c == deprecated.Json:
		return appendJSON
	case c == deprecated.Decimal && s.Scale.Valid:
		return decimal(kind, s.Scale.V)
	case kind == format.Int32 && c == deprecated.Date:
		return appendDate
	case ints && c == deprecated.TimeMillis:
		return clock(kind, 1e3)
	case ints && c == deprecated.TimeMicros:
		return clock(kind, 1e6)
	case kind == format.Int64 && c == deprecated.TimestampMillis:
		return timestamp(1e3, true)
	case kind == format.Int64 && c == deprecated.TimestampMicros:
		return timestamp(1e6, true)
	case ints && c >= deprecated.Uint8 && c <= deprecated.Uint64:
		return unsigned(kind, 8<<(c-deprecated.Uint8))
	case kind == format.FixedLenByteArray && length == 12 && c == deprecated.Interval:
		return appendInterval
	}
	return nil
}

func perSecond(u format.TimeUnit) int64 {
	switch u.Value.(type) {
	case *format.MilliSeconds:
		return 1e3
	case *format.MicroSeconds:
		return 1e6
	case *format.NanoSeconds:
		return 1e9
	}
	return 0
}

func appendBool(dst, raw []byte) []byte { return strconv.AppendBool(dst, raw[0] != 0) }

func appendInt32(dst, raw []byte) []byte {
	return strconv.AppendInt(dst, int64(int32(binary.LittleEndian.Uint32(raw))), 10)
}

func appendInt64(dst, raw []byte) []byte {
	return strconv.AppendInt(dst, int64(binary.LittleEndian.Uint64(raw)), 10)
}

// integer reads a number that is stored in 32 or 64 bits.
func integer(kind format.Type, raw []byte) int64 {
	if kind == format.Int32 {
		return int64(int32(binary.LittleEndian.Uint32(raw)))
	}
	return int64(binary.LittleEndian.Uint64(raw))
}

func unsigned(kind format.Type, bits int8) text {
	mask := uint64(math.MaxUint64)
	if bits > 0 && bits < 64 {
		mask = 1<<bits - 1
	}
	return func(dst, raw []byte) []byte {
		return strconv.AppendUint(dst, uint64(integer(kind, raw))&mask, 10)
	}
}

// appendFloat writes the shortest number that reads back the same, as Zeek and most programs write it in JSON: 5.0, 0.25, 1e-7. What
// JSON has no number for is text.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	start := len(dst)
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
		if n := len(dst); dst[n-2] == '0' && dst[n-3] == '-' { // e-09 is e-9
			dst = append(dst[:n-2], dst[n-1])
		}
		return dst
	}
	dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
	if bytes.IndexByte(dst[start:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendHalf writes a number of 16 bits: 1 of sign, 5 of exponent, 10 of fraction (IEEE 754 binary16).
func appendHalf(dst, raw []byte) []byte {
	h := binary.LittleEndian.Uint16(raw)
	exponent, fraction := int(h>>10&31), float64(h&1023)
	f := math.Ldexp(1024+fraction, exponent-25)
	switch {
	case exponent == 0:
		f = math.Ldexp(fraction, -24)
	case exponent == 31 && fraction == 0:
		f = math.Inf(1)
	case exponent == 31:
		f = math.NaN()
	}
	if h>>15 == 1 {
		f = -f
	}
	return appendFloat(dst, f, 32)
}

func appendTime(dst []byte, t time.Time, utc bool) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, time.RFC3339Nano)
	if !utc {
		dst = dst[:len(dst)-1] // without the Z: it is the clock of wherever this was written
	}
	return append(dst, '"')
}

// timestamp is of counts since 1970 of which there are unit in a second. Those of a local clock name no zone.
func timestamp(unit int64, utc bool) text {
	return func(dst, raw []byte) []byte {
		n := int64(binary.LittleEndian.Uint64(raw))
		seconds, rest := n/unit, n%unit
		return appendTime(dst, time.Unix(seconds, rest*(1e9/unit)), utc)
	}
}

// appendInt96 writes a time as old Spark, Hive and Impala have it: nanoseconds of the day, and the Julian day.
func appendInt96(dst, raw []byte) []byte {
	const epoch = 2440588 // the Julian day of 1970-01-01
	nanos, day := int64(binary.LittleEndian.Uint64(raw)), int64(binary.LittleEndian.Uint32(raw[8:]))
	return appendTime(dst, time.Unix((day-epoch)*86400, 0).Add(time.Duration(nanos)), true)
}

func appendDate(dst, raw []byte) []byte {
	days := int64(int32(binary.LittleEndian.Uint32(raw)))
	dst = append(dst, '"')
	return append(time.Unix(days*86400, 0).UTC().AppendFormat(dst, time.DateOnly), '"')
}

// clock is a time of day in counts since midnight.
func clock(kind format.Type, unit int64) text {
	return func(dst, raw []byte) []byte {
		n := integer(kind, raw)
		if n < 0 || n/unit >= 86400 {
			return strconv.AppendInt(dst, n, 10)
		}
		dst = append(dst, '"')
		t := time.Unix(n/unit, n%unit*(1e9/unit)).UTC()
		return append(t.AppendFormat(dst, "15:04:05.999999999"), '"')
	}
}

// Bounds of decimal numbers: what lies beyond is written as bytes.
const (
	maxDecimalBytes = 128
	maxScale        = 1000
)

// decimal is of whole numbers in units of 10^-scale. The JSON number has all digits.
func decimal(kind format.Type, scale int32) text {
	if scale < 0 || scale > maxScale {
		return nil
	}
	switch kind {
	case format.Int32, format.Int64:
		return func(dst, raw []byte) []byte {
			start := len(dst)
			return point(strconv.AppendInt(dst, integer(kind, raw), 10), start, int(scale))
		}
	case format.ByteArray, format.FixedLenByteArray:
		return func(dst, raw []byte) []byte {
			if len(raw) == 0 || len(raw) > maxDecimalBytes {
				return appendBytes(dst, raw)
			}
			n := new(big.Int).SetBytes(raw)
			if raw[0] >= 0x80 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
			}
			start := len(dst)
			return point(n.Append(dst, 10), start, int(scale))
		}
	}
	return nil
}

// point puts a decimal point before the last scale digits of the number at dst[start:].
func point(dst []byte, start, scale int) []byte {
	if scale == 0 {
		return dst
	}
	if dst[start] == '-' {
		start++
	}
	digits := append([]byte(nil), dst[start:]...)
	dst = dst[:start]
	for n := len(digits); n <= scale; n++ {
		dst = append(dst, '0')
	}
	dst = append(dst, digits...)
	at := len(dst) - scale
	dst = append(dst, 0)
	copy(dst[at+1:], dst[at:])
	dst[at] = '.'
	return dst
}

func appendUUID(dst, raw []byte) []byte {
	dst = append(dst, '"')
	for i, c := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, []byte{c})
	}
	return append(dst, '"')
}

// appendInterval writes months, days and milliseconds as ISO 8601 does.
func appendInterval(dst, raw []byte) []byte {
	months, days, millis := binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:]), binary.LittleEndian.Uint32(raw[8:])
	dst = append(dst, `"P`...)
	dst = append(strconv.AppendUint(dst, uint64(months), 10), 'M')
	dst = append(strconv.AppendUint(dst, uint64(days), 10), "DT"...)
	dst = strconv.AppendFloat(dst, float64(millis)/1e3, 'f', -1, 64)
	return append(dst, `S"`...)
}

// appendJSON takes an object or list in, where the text is one, so that its names are found; else it is text as any other.
func appendJSON(dst, raw []byte) []byte {
	if len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') && json.Valid(raw) {
		var b bytes.Buffer
		if json.Compact(&b, raw) == nil {
			return append(dst, b.Bytes()...)
		}
	}
	return appendString(dst, raw)
}

// appendBytes writes text as text, other bytes in base64.
func appendBytes(dst, raw []byte) []byte {
	if utf8.Valid(raw) {
		return appendString(dst, raw)
	}
	dst = append(dst, '"')
	return append(base64.StdEncoding.AppendEncode(dst, raw), '"')
}

// appendString writes a string. Bytes that are no UTF-8 stay as they are, as in other logs.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendLine writes a line of a text log as it stands, without its end. Line ends within it become blanks: a row is one line.
func appendLine(dst, s []byte) []byte {
	s = bytes.TrimRight(s, "\r\n")
	start := len(dst)
	dst = append(dst, s...)
	for i := start; i < len(dst); i++ {
		if dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return dst
}
