package enrich

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// mmdb writes a database in MaxMind's format, version 2.0, that holds one record for one prefix: enough to prove what
// is read of which field. The format is described at https://maxmind.github.io/MaxMind-DB/.
func mmdb(prefix netip.Prefix, record []byte) []byte {
	bits := prefix.Bits()
	addr := prefix.Addr().As16()
	if prefix.Addr().Is4() { // in a tree of IPv6, IPv4 hangs under ::/96
		addr = [16]byte{}
		v4 := prefix.Addr().As4()
		copy(addr[12:], v4[:])
		bits += 96
	}
	nodes := uint32(bits)
	var db []byte
	put := func(v uint32) { db = append(db, byte(v>>16), byte(v>>8), byte(v)) }
	for i := range bits {
		next := uint32(i + 1)
		if i+1 == bits {
			next = nodes + 16 // the first record of the data section
		}
		if addr[i/8]>>(7-i%8)&1 == 0 {
			put(next)
			put(nodes) // not found
		} else {
			put(nodes)
			put(next)
		}
	}
	db = append(db, make([]byte, 16)...)
	db = append(db, record...)
	db = append(db, "\xab\xcd\xefMaxMind.com"...)
	return append(db, mmMap(
		mmString("binary_format_major_version"), mmUint(5, 2), mmString("binary_format_minor_version"), mmUint(5, 0),
		mmString("build_epoch"), mmUint(9, 1), mmString("database_type"), mmString("Test"),
		mmString("description"), mmMap(), mmString("ip_version"), mmUint(5, 6), mmString("languages"), []byte{0, 4},
		mmString("node_count"), mmUint(6, uint64(nodes)), mmString("record_size"), mmUint(5, 24))...)
}

func mmString(s string) []byte {
	if len(s) < 29 {
		return append([]byte{2<<5 | byte(len(s))}, s...)
	}
	return append([]byte{2<<5 | 29, byte(len(s) - 29)}, s...)
}

func mmUint(kind byte, v uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, v)
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	if kind > 7 {
		return append([]byte{byte(len(b)), kind - 7}, b...)
	}
	return append([]byte{kind<<5 | byte(len(b))}, b...)
}

// mmMap takes names and values in turn.
func mmMap(namesAndValues ...[]byte) []byte {
	b := []byte{7<<5 | byte(len(namesAndValues)/2)}
	for _, v := range namesAndValues {
		b = append(b, v...)
	}
	return b
}

func TestGeoDB(t *testing.T) {
	prefix := netip.MustParsePrefix("192.0.2.0/24")
	in, out := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.3.9")
	tests := []struct {
		name   string
		record []byte
		want   Place
	}{
		{"country", mmMap(mmString("country"), mmMap(mmString("iso_code"), mmString("NL"))), Place{Country: "NL"}},
		{"registered", mmMap(mmString("registered_country"), mmMap(mmString("iso_code"), mmString("BR"))), Place{Country: "BR"}},
		{"asn", mmMap(mmString("autonomous_system_number"), mmUint(6, 64500), mmString("autonomous_system_organization"),
			mmString("Example Net")), Place{ASN: 64500, Org: "Example Net"}},
		{"flat", mmMap(mmString("country_code"), mmString("ZA")), Place{Country: "ZA"}},
		{"flatter", mmMap(mmString("country"), mmString("PE")), Place{Country: "PE"}},
		{"odd", mmMap(mmString("country"), mmUint(6, 7), mmString("country_code"), mmString("ZA")), Place{Country: "ZA"}},
		{"not a map", mmString("hello"), Place{}},
	}
	for _, tt := range tests {
		data := mmdb(prefix, tt.record)
		path := filepath.Join(t.TempDir(), "geo.mmdb")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := OpenGeoDB(path)
		if err != nil {
			t.Fatal(err)
		}
		memory, err := NewGeoDB(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range []*GeoDB{file, memory} {
			if got := g.Lookup(in); got != tt.want {
				t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
			}
			if got := g.Lookup(netip.MustParseAddr("::ffff:192.0.2.9")); got != tt.want {
				t.Errorf("%s: mapped: %+v, want %+v", tt.name, got, tt.want)
			}
			for _, a := range []netip.Addr{out, {}, netip.MustParseAddr("2001:db8::1")} {
				if got := g.Lookup(a); got != (Place{}) {
					t.Errorf("%s: %v: %+v", tt.name, a, got)
				}
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestGeoDBRefusesOtherFiles(t *testing.T) {
	if _, err := NewGeoDB([]byte("no database")); err == nil {
		t.Error("text was taken for a database")
	}
	if _, err := OpenGeoDB(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing file was opened")
	}
}

func BenchmarkGeoDB(b *testing.B) {
	g, err := NewGeoDB(mmdb(netip.MustParsePrefix("192.0.2.0/24"), mmMap(mmString("country"),
		mmMap(mmString("iso_code"), mmString("NL")))))
	if err != nil {
		b.Fatal(err)
	}
	a := netip.MustParseAddr("192.0.2.9")
	b.ReportAllocs()
	for b.Loop() {
		g.Lookup(a)
	}
}
