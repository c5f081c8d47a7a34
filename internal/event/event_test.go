package event

import (
	"fmt"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	k := NewKeys()
	a, b := k.Get("source.ip"), k.GetBytes([]byte("url.path"))
	if a == b || a.ID != 0 || b.ID != 1 || a.Name != "source.ip" || b.Name != "url.path" {
		t.Fatalf("%+v, %+v", a, b)
	}
	if k.GetBytes([]byte("source.ip")) != a || k.Get("url.path") != b {
		t.Error("a name has two keys")
	}
	if k.Len() != 2 || k.ByID(0) != a || k.ByID(1) != b {
		t.Errorf("%d keys", k.Len())
	}
	if e := k.Get(""); e.Name != "" || k.Get("") != e {
		t.Error("the empty name is a name")
	}
	name := []byte("mutable")
	m := k.GetBytes(name)
	name[0] = 'M'
	if m.Name != "mutable" || k.Get("mutable") != m {
		t.Error("a key keeps the caller's bytes")
	}
}

func TestKeysCutLongNames(t *testing.T) {
	k := NewKeys()
	long := strings.Repeat("x", MaxKeyLen)
	a := k.Get(long + "a")
	if a.Name != long || k.GetBytes([]byte(long+"b")) != a || k.Get(long) != a || k.Len() != 1 {
		t.Errorf("%d bytes, %d names", len(a.Name), k.Len())
	}
}

func TestKeysAreBounded(t *testing.T) {
	for _, early := range []bool{false, true} { // a log may use the overflow's name itself
		k := NewKeys()
		if early {
			k.Get(OverflowKey)
		}
		first := k.Get("first")
		for i := range MaxKeys + 1000 {
			k.Get(fmt.Sprintf("n%d", i))
		}
		if k.Len() > MaxKeys || k.Len() < MaxKeys-1 {
			t.Errorf("%d names", k.Len())
		}
		more := k.GetBytes([]byte("one more"))
		if more.Name != OverflowKey || k.Get("another") != more || k.Get(OverflowKey) != more {
			t.Errorf("there was room for %q", more.Name)
		}
		if k.Get(strings.Repeat("z", 2*MaxKeyLen)) != more {
			t.Error("there was room for a long name")
		}
		if k.Get("first") != first || first.Name != "first" || k.Get("n7").Name != "n7" {
			t.Error("the names before are lost")
		}
		for i := range k.Len() {
			if k.ByID(i).ID != i {
				t.Fatalf("key %d has the ID %d", i, k.ByID(i).ID)
			}
		}
	}
}

func TestEvent(t *testing.T) {
	k := NewKeys()
	buffer := []byte("ab")
	e := &Event{Dataset: "d", Time: 5, HasTime: true}
	e.Add(k.Get("a"), buffer[:1])
	e.Add(k.Get("b"), buffer[1:])
	e.Add(k.Get("b"), nil)
	c := e.Clone()
	copy(buffer, "xy")
	if c.Dataset != "d" || c.Time != 5 || !c.HasTime || len(c.Fields) != 3 || c.Fields[0].Key != e.Fields[0].Key {
		t.Errorf("the copy is %+v", c)
	}
	if string(c.Get("a")) != "a" || string(c.Get("b")) != "b" || c.Get("c") != nil {
		t.Error("the copy shares bytes")
	}
	c.Add(k.Get("c"), nil)
	if len(e.Fields) != 3 {
		t.Error("the copy shares fields")
	}
	e.Scratch = append(e.Scratch, "scratch"...)
	fields := cap(e.Fields)
	e.Reset()
	if e.Dataset != "" || e.Time != 0 || e.HasTime || len(e.Fields) != 0 || len(e.Scratch) != 0 || cap(e.Fields) != fields {
		t.Errorf("after Reset: %+v", e)
	}
	if c := e.Clone(); len(c.Fields) != 0 {
		t.Error("the copy of an empty event has fields")
	}
	if e.Get("a") != nil {
		t.Error("an empty event has a value")
	}
}

func BenchmarkGetBytes(b *testing.B) {
	k := NewKeys()
	name := []byte("http.response.status_code")
	b.ReportAllocs()
	for b.Loop() {
		k.GetBytes(name)
	}
}
