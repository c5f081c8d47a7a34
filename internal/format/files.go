package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf16"

	"weir/internal/event"
)

// MaxFile is how much of a file is looked at where a file is a record.
const MaxFile = 1 << 20

// FileFields names the fields that a file gives as one record, for `weir formats`.
var FileFields = []string{
	"email.subject", "email.from.address", "email.from.name", "email.to.address", "email.cc.address", "email.reply_to.address",
	"email.content_type", "email.charset", "email.header_names", "email.header.*", "email.relations", "email.route", "email.route.first", "email.body", "email.attachments.file.name",
	"email.attachments.file.extension", "email.attachments.file.mime_type", "url.full", "file.extension", "file.content",
}

// scanFiles makes one event, on line 1, of each input. Workers take files as they come.
func (s *scan) scanFiles(ctx context.Context, newHandler func(worker int, keys *event.Keys) Handler) {
	var workers sync.WaitGroup
	var next atomic.Int64
	for i := range s.o.Workers {
		keys := event.NewKeys()
		w := &wholeWorker{scan: s, handler: newHandler(i, keys), decoder: newWholeDecoder(s.o.Options, keys)}
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(s.inputs) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				w.read(i)
				if ends, ok := w.handler.(BlockHandler); ok {
					ends.EndBlock(int64(i))
				}
			}
		})
	}
	workers.Wait()
}

// A wholeWorker reads files as records, one after the other.
type wholeWorker struct {
	scan    *scan
	handler Handler
	decoder *wholeDecoder
	e       event.Event
	buf     []byte
}

func (w *wholeWorker) read(index int) {
	tally := &w.scan.files[index]
	stream, err := w.scan.inputs[index].OpenAny()
	if err != nil {
		tally.fail(err)
		return
	}
	w.scan.open.Store(stream, nil)
	defer func() {
		w.scan.open.Delete(stream)
		w.scan.stored.Add(stream.StoredBytes())
		_ = stream.Close() // it was only read
	}()
	if w.buf == nil {
		w.buf = make([]byte, MaxFile+1)
	}
	n, err := io.ReadFull(stream, w.buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		tally.fail(fmt.Errorf("cannot read it: %w", err))
		return
	}
	data := w.buf[:min(n, MaxFile)]
	if n > MaxFile {
		tally.warn(fmt.Sprintf("it is longer than %d MiB: what comes after that was not looked at", MaxFile>>20))
	}
	if text := stream.Warning(); text != "" {
		tally.warn(text)
	} else if n == 0 {
		tally.warn("the file is empty")
	}
	tally.summary.Format, tally.summary.Score = string(RecordFile), 1
	w.decoder.decode(w.scan.inputs[index].Name, data, &w.e)
	counts := jobCounts{lines: 1, bytes: int64(n)}
	counts.record(&w.e)
	w.handler.Event(&w.e, Position{File: index, Line: 1}, data)
	w.scan.events.Add(1)
	tally.merge(&counts)
}

// A wholeDecoder makes an event of a file: of a mail if it looks like one, else of its text. There is nothing that it
// cannot read. It is used by one goroutine.
type wholeDecoder struct {
	mailDecoder
	extension, content *event.Key
	text               []byte // what had to be converted
}

func newWholeDecoder(o Options, keys *event.Keys) *wholeDecoder {
	return &wholeDecoder{mailDecoder: newMailDecoder(o, keys), extension: keys.Get("file.extension"), content: keys.Get("file.content")}
}

// decode fills e with what data, the content of the file called name, holds. Values may point into data.
func (d *wholeDecoder) decode(name string, data []byte, e *event.Event) {
	e.Reset()
	if looksLikeMail(data) {
		d.mail(data, e)
		return
	}
	e.Dataset = "file"
	if x := extensionOf(name); x != "" {
		e.Scratch = append(e.Scratch, x...)
		e.Add(d.extension, e.Scratch[:len(e.Scratch):len(e.Scratch)])
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		d.text = appendUTF16(d.text[:0], data)
		data = d.text
	}
	if len(data) > 0 {
		e.Add(d.content, data)
	}
	d.urls(data, e)
}

// maxExtension is the length of the longest file extension.
const maxExtension = 12

// extensionOf returns the file extension of a name, without what compression added to it, in lower case.
func extensionOf(name string) string {
	name = strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	for _, packed := range []string{".gz", ".zst", ".bz2"} {
		name = strings.TrimSuffix(name, packed)
	}
	x := path.Ext(name)
	if len(x) < 2 || len(x) == len(name) || len(x) > maxExtension {
		return ""
	}
	return x[1:]
}

// appendUTF16 appends text in UTF-16 with a byte order mark as UTF-8.
func appendUTF16(dst, data []byte) []byte {
	low, high := 0, 1
	if data[0] == 0xfe {
		low, high = 1, 0
	}
	unit := func(i int) rune { return rune(data[i+high])<<8 | rune(data[i+low]) }
	for i := 2; i+1 < len(data); i += 2 {
		r := unit(i)
		if utf16.IsSurrogate(r) && i+3 < len(data) {
			r = utf16.DecodeRune(r, unit(i+2))
			i += 2
		}
		dst = append(dst, string(r)...)
	}
	return dst
}

// Files are records where the user, or the filter that is used, says so.
func (o *ScanOptions) unit() RecordUnit {
	if o.Choice != nil && o.Choice.Record != RecordLine {
		return o.Choice.Record
	}
	return o.Record
}
