package mongo

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weir/internal/source"
)

// Collection returns the documents of a collection, mongodb://host/database.collection, as a log of one JSON object a line,
// in the order of _id: so every format of JSON lines knows its own, and a collection to which documents with greater _ids
// are added, as MongoDB makes them, is a log that grows. What JSON has no type for becomes text: ObjectIDs and UUIDs in
// hexadecimal, dates as RFC 3339, decimals in digits, other bytes in base64. It is read anew each time the input is opened.
func Collection(ctx context.Context, uri string) (source.Input, error) {
	server, path, query, err := split(uri)
	if err != nil {
		return source.Input{}, err
	}
	database, collection, ok := strings.Cut(path, ".")
	if !ok || database == "" || collection == "" {
		return source.Input{}, fmt.Errorf("%w of a collection: write mongodb://host/database.collection", ErrURI)
	}
	client, err := connect(server, database, query) // to know now that it is one
	if err != nil {
		return source.Input{}, err
	}
	_ = client.Disconnect(ctx) // it was not connected yet
	name := without(server) + "/" + path
	return source.Opener(name, func() (io.ReadCloser, error) {
		ctx, cancel := context.WithCancel(ctx)
		client, err := connect(server, database, query)
		if err != nil {
			cancel()
			return nil, err
		}
		cursor, err := client.Database(database).Collection(collection).Find(ctx, bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
		if err != nil {
			cancel()
			_ = client.Disconnect(context.WithoutCancel(ctx)) // the first error is the one to tell
			return nil, fmt.Errorf("%w: %w", ErrServer, err)
		}
		r, w := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.CloseWithError(writeLines(ctx, w, cursor))
			_ = client.Disconnect(context.WithoutCancel(ctx)) // everything was read, or nobody wants it
		}()
		return &collectionReader{PipeReader: r, cancel: cancel, done: done}, nil
	}), nil
}

// A collectionReader gives the lines of a collection.
type collectionReader struct {
	*io.PipeReader
	cancel func()
	done   chan struct{}
}

func (r *collectionReader) Close() error {
	r.cancel()
	err := r.PipeReader.Close()
	<-r.done
	return err
}

func writeLines(ctx context.Context, w io.Writer, cursor *driver.Cursor) error {
	defer cursor.Close(context.WithoutCancel(ctx))
	b := bufio.NewWriterSize(w, 1<<16)
	var line []byte
	for cursor.Next(ctx) {
		var err error
		if line, err = appendDocument(line[:0], cursor.Current); err != nil {
			return err
		}
		if _, err := b.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := cursor.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	return b.Flush()
}

func appendDocument(dst []byte, d bson.Raw) ([]byte, error) {
	elements, err := d.Elements()
	if err != nil {
		return dst, fmt.Errorf("a document cannot be read: %w", err)
	}
	dst = append(dst, '{')
	for i, e := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, e.Key()), ':')
		if dst, err = appendValue(dst, e.Value()); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendText appends a JSON string; what is not UTF-8 is replaced.
func appendText(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...) // strings can always be marshalled
	}
	return append(dst, b...)
}

func appendValue(dst []byte, v bson.RawValue) ([]byte, error) {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return appendDocument(dst, v.Document())
	case bson.TypeArray:
		list, err := v.Array().Values()
		if err != nil {
			return dst, fmt.Errorf("a document cannot be read: %w", err)
		}
		dst = append(dst, '[')
		for i, x := range list {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendValue(dst, x); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case bson.TypeDouble:
		if f := v.Double(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
		}
	case bson.TypeInt32:
		return strconv.AppendInt(dst, int64(v.Int32()), 10), nil
	case bson.TypeInt64:
		return strconv.AppendInt(dst, v.Int64(), 10), nil
	case bson.TypeBoolean:
		return strconv.AppendBool(dst, v.Boolean()), nil
	case bson.TypeNull, bson.TypeUndefined:
		return append(dst, "null"...), nil
	}
	return appendText(dst, valueText(v)), nil
}

// valueText returns a value that JSON has no type for as text.
func valueText(v bson.RawValue) string {
	switch v.Type {
	case bson.TypeString:
		return v.StringValue()
	case bson.TypeObjectID:
		return v.ObjectID().Hex()
	case bson.TypeDateTime:
		return dateText(v.DateTime())
	case bson.TypeTimestamp:
		seconds, _ := v.Timestamp()
		return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
	case bson.TypeDecimal128:
		return v.Decimal128().String()
	case bson.TypeDouble:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case bson.TypeBinary:
		kind, b := v.Binary()
		return bytesText(kind, b)
	case bson.TypeRegex:
		pattern, o := v.Regex()
		return "/" + pattern + "/" + o
	case bson.TypeJavaScript:
		return v.JavaScript()
	case bson.TypeSymbol:
		return v.Symbol()
	case bson.TypeCodeWithScope:
		code, _ := v.CodeWithScope()
		return code
	case bson.TypeDBPointer:
		ns, id := v.DBPointer()
		return ns + "/" + id.Hex()
	}
	return v.Type.String()
}

// dateText writes a date; one that RFC 3339 has no year for as milliseconds.
func dateText(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return strconv.FormatInt(ms, 10)
	}
	return t.Format("2006-01-02T15:04:05.000Z07:00")
}

func bytesText(kind byte, b []byte) string {
	if kind == bson.TypeBinaryUUID && len(b) == 16 {
		return fmt.Sprintf("%s-%04x-%04x-%04x-%s", hex.EncodeToString(b[:4]), binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]),
			binary.BigEndian.Uint16(b[8:]), hex.EncodeToString(b[10:]))
	}
	return base64.StdEncoding.EncodeToString(b)
}
