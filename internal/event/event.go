// Package event holds the canonical record that every log format is read into.
//
// An [Event] is one record: when it happened, which dataset it belongs to, and an ordered list of named values. Names
// follow the Elastic Common Schema (ECS: source.ip, url.path, user_agent.original …) wherever it has one; what it does
// not name keeps the name the log gave it, prefixed with the dataset family where that is known (zeek.conn_state).
//
// Values are bytes exactly as the log had them after the format's own quoting was undone. They are an attacker's until
// proven otherwise: nothing here interprets, trims or prints them.
//
// Events are reused. A reader resets one Event and fills it again for every record, and the values point into buffers
// that the next record overwrites; whoever keeps an event calls [Event.Clone].
package event

import (
	"bytes"
	"strings"
)

// MaxFields bounds the fields of one event; a record with more is malformed.
const MaxFields = 1024

// MaxKeyLen bounds the length of a field name in bytes; longer names are cut.
const MaxKeyLen = 128

// MaxKeys bounds the names of one [Keys]. Names come out of logs, and who writes a log can make up as many as he likes:
// from there on, every further name is [OverflowKey].
const MaxKeys = 65536

// OverflowKey is the name that all names share for which there is no room.
const OverflowKey = "event.other"

// A Key is an interned field name. Two fields have the same name exactly when their keys are the same pointer, within
// one [Keys].
type Key struct {
	ID   int    // dense, from 0, in order of first use within its Keys
	Name string // ECS name, or the log's own
}

// Keys interns field names. Each worker has its own, so there are no locks; IDs differ between workers, and so do, where
// there are more than [MaxKeys] names, those that have no key of their own.
type Keys struct {
	byName map[string]*Key
	list   []*Key
}

// NewKeys returns an empty set of names.
func NewKeys() *Keys { return &Keys{byName: make(map[string]*Key)} }

// Get returns the key called name, making it on first use. The name is cut to [MaxKeyLen] bytes; where there are
// [MaxKeys] names already, the key is that of [OverflowKey].
func (k *Keys) Get(name string) *Key {
	if key, ok := k.byName[name]; ok {
		return key
	}
	return k.add(name)
}

// GetBytes is Get for a name in a buffer; it allocates only on first use of the name.
func (k *Keys) GetBytes(name []byte) *Key {
	if key, ok := k.byName[string(name)]; ok {
		return key
	}
	return k.add(string(name))
}

func (k *Keys) add(name string) *Key {
	if len(name) > MaxKeyLen {
		name = name[:MaxKeyLen]
		if key, ok := k.byName[name]; ok {
			return key
		}
		name = strings.Clone(name) // lest the whole of it stay in memory
	}
	if len(k.list) >= MaxKeys-1 { // the last place is the overflow's
		name = OverflowKey
		if key, ok := k.byName[name]; ok {
			return key
		}
	}
	key := &Key{ID: len(k.list), Name: name}
	k.byName[name] = key
	k.list = append(k.list, key)
	return key
}

// Len returns how many names there are, at most [MaxKeys]; every Key.ID is below it.
func (k *Keys) Len() int { return len(k.list) }

// ByID returns the key with the given ID.
func (k *Keys) ByID(id int) *Key { return k.list[id] }

// A Field is one named value. A list in the log (answers of a DNS reply) is several fields with the same key, in order.
type Field struct {
	Key   *Key
	Value []byte
}

// An Event is one record of a log.
type Event struct {
	Dataset string  // what kind of record: zeek.conn, suricata.alert, web.access, syslog, csv, json, text
	Time    int64   // nanoseconds since 1970-01-01 UTC; meaningful only when HasTime
	HasTime bool    // whether the record had a time that could be read
	Fields  []Field // in the order of the record
	Scratch []byte  // room for values that had to be unquoted; owned by the reader that fills the event
}

// Reset empties the event for reuse, keeping its memory.
func (e *Event) Reset() {
	e.Dataset, e.Time, e.HasTime = "", 0, false
	e.Fields, e.Scratch = e.Fields[:0], e.Scratch[:0]
}

// Add appends a field. The value is kept by reference.
func (e *Event) Add(k *Key, value []byte) { e.Fields = append(e.Fields, Field{k, value}) }

// Get returns the first value called name, or nil. It compares names and is meant for tests and rare paths.
func (e *Event) Get(name string) []byte {
	for i := range e.Fields {
		if e.Fields[i].Key.Name == name {
			return e.Fields[i].Value
		}
	}
	return nil
}

// Clone returns a copy that shares no value bytes with e. Keys are shared.
func (e *Event) Clone() *Event {
	c := &Event{Dataset: e.Dataset, Time: e.Time, HasTime: e.HasTime, Fields: make([]Field, len(e.Fields))}
	for i, f := range e.Fields {
		c.Fields[i] = Field{f.Key, bytes.Clone(f.Value)}
	}
	return c
}
