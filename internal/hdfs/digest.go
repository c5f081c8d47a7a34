package hdfs

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// digest is one authentication by DIGEST-MD5 (RFC 2831) in the role of the client, as far as Hadoop's DataNodes and NameNodes need it.
type digest struct {
	user, password string
	realm, nonce   string // of the server
	cnonce         string
	qop            string // what was agreed on: auth, auth-int or auth-conf
	uri            string // service/host
}

const rc4128 = "rc4" // the only cipher of auth-conf that is taken; 3des, which servers offer too, is slower and not written

// newDigest reads a server's challenge and takes the first of the allowed protections that it offers. The setting is where these come from.
func newDigest(challenge string, allowed []string, setting string) (*digest, error) {
	d := &digest{uri: "hdfs/0"}
	var offered, ciphers []string
	for rest := challenge; rest != ""; {
		var key, value string
		if key, value, rest = directive(rest); key == "" {
			return nil, errBroken
		}
		switch key {
		case "realm":
			d.realm = value
		case "nonce":
			d.nonce = value
		case "qop":
			offered = strings.Split(value, ",")
		case "cipher":
			ciphers = strings.Split(value, ",")
		}
	}
	if d.nonce == "" || strings.ContainsAny(d.realm+d.nonce, `"\`) {
		return nil, errBroken
	}
	if offered == nil {
		offered = []string{"auth"} // section 2.1.1
	}
	for _, q := range allowed {
		if slices.Contains(offered, q) {
			d.qop = q
			break
		}
	}
	if d.qop == "" {
		return nil, fmt.Errorf("it offers the protection %s, and the configuration (%s) allows %s", strings.Join(offered, ","), setting, strings.Join(allowed, ","))
	}
	// Nothing proves that the offer is the DataNode's own: who changes it on the way must not get keys of 40 or 56 bits.
	if d.qop == "auth-conf" && !slices.Contains(ciphers, rc4128) {
		return nil, fmt.Errorf("it offers the ciphers %s, and none of them is rc4 with keys of 128 bits, the least that is taken", strings.Join(ciphers, ","))
	}
	return d, nil
}

// directive takes key="value", or key=value, from the front. The key is empty if there is none.
func directive(s string) (key, value, rest string) {
	key, rest, ok := strings.Cut(strings.TrimLeft(s, ", "), "=")
	if !ok {
		return "", "", ""
	}
	if quoted, ok := strings.CutPrefix(rest, `"`); ok {
		if value, rest, ok = strings.Cut(quoted, `"`); !ok {
			return "", "", ""
		}
	} else {
		value, rest, _ = strings.Cut(rest, ",")
	}
	return strings.TrimSpace(key), value, strings.TrimLeft(rest, ", ")
}

// answer is the response to the challenge (section 2.1.2).
func (d *digest) answer() string {
	a := fmt.Sprintf(`charset=utf-8,username="%s",realm="%s",nonce="%s",nc=00000001,cnonce="%s",digest-uri="%s",response=%s,qop=%s`,
		d.user, d.realm, d.nonce, d.cnonce, d.uri, d.response("AUTHENTICATE:"), d.qop)
	if d.qop == "auth-conf" {
		a += `,cipher="` + rc4128 + `"`
	}
	return a
}

// check holds the server to knowing the password too (section 2.1.3).
func (d *digest) check(said string) error {
	value, ok := strings.CutPrefix(said, "rspauth=")
	if !ok || subtle.ConstantTimeCompare([]byte(value), []byte(d.response(":"))) != 1 {
		return errors.New("it does not prove that it knows the token")
	}
	return nil
}

// response is response-value of section 2.1.2.1; method is "AUTHENTICATE:", or ":" for that of the server.
func (d *digest) response(method string) string {
	a2 := method + d.uri
	if d.qop != "auth" {
		a2 += ":00000000000000000000000000000000"
	}
	return hexMD5(hexMD5(d.a1()) + ":" + d.nonce + ":00000001:" + d.cnonce + ":" + d.qop + ":" + hexMD5(a2))
}

func (d *digest) a1() string {
	secret := md5.Sum([]byte(d.user + ":" + d.realm + ":" + d.password))
	return string(secret[:]) + ":" + d.nonce + ":" + d.cnonce
}

func hexMD5(s string) string {
	h := md5.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}

// seals are those of what is sent and of what is received (sections 2.3 and 2.4).
func (d *digest) seals() (send, receive *seal) {
	h := md5.Sum([]byte(d.a1()))
	key := func(magic string) []byte {
		k := md5.Sum(append(slices.Clone(h[:]), magic...))
		return k[:]
	}
	send = &seal{sign: key("Digest session key to client-to-server signing key magic constant")}
	receive = &seal{sign: key("Digest session key to server-to-client signing key magic constant")}
	if d.qop == "auth-conf" {
		send.crypt, _ = rc4.NewCipher(key("Digest H(A1) to client-to-server sealing key magic constant")) // a key of 16 bytes is none too short or long
		receive.crypt, _ = rc4.NewCipher(key("Digest H(A1) to server-to-client sealing key magic constant"))
	}
	return send, receive
}

// seal signs, and perhaps encrypts, one direction. A sealed message is
//
//	the message, 10 bytes of HMAC-MD5 over its number and itself   (both encrypted if there is a cipher)
//	0001
//	its number, 4 bytes
type seal struct {
	sign   []byte
	crypt  *rc4.Cipher // nil: only signed
	number uint32
}

const (
	macLen  = 10
	sealLen = macLen + 2 + 4
)

func (s *seal) mac(p []byte) []byte {
	h := hmac.New(md5.New, s.sign)
	h.Write(binary.BigEndian.AppendUint32(nil, s.number))
	h.Write(p)
	return h.Sum(nil)[:macLen]
}

// appendTo seals p onto dst.
func (s *seal) appendTo(dst, p []byte) []byte {
	start := len(dst)
	dst = append(append(dst, p...), s.mac(p)...)
	if s.crypt != nil {
		s.crypt.XORKeyStream(dst[start:], dst[start:])
	}
	dst = binary.BigEndian.AppendUint32(append(dst, 0, 1), s.number)
	s.number++
	return dst
}

var errSeal = errors.New("what it sends was changed on the way")

// open returns what was sealed, in the same memory.
func (s *seal) open(p []byte) ([]byte, error) {
	if len(p) < sealLen {
		return nil, errSeal
	}
	n := len(p) - sealLen
	if binary.BigEndian.Uint16(p[n+macLen:]) != 1 || binary.BigEndian.Uint32(p[n+macLen+2:]) != s.number {
		return nil, errSeal
	}
	if s.crypt != nil {
		s.crypt.XORKeyStream(p[:n+macLen], p[:n+macLen])
	}
	if !hmac.Equal(p[n:n+macLen], s.mac(p[:n])) {
		return nil, errSeal
	}
	s.number++
	return p[:n], nil
}

const (
	sealedAtOnce = 60 << 10 // bytes of one message that we seal; servers take 64 KiB
	maxSealed    = 16 << 20 // bytes of one that is taken: a packet of a DataNode, and much more
)

// sealer writes sealed messages, each after its length.
type sealer struct {
	to   io.Writer
	seal *seal
	buf  []byte
}

func (s *sealer) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), sealedAtOnce)]
		s.buf = s.seal.appendTo(append(s.buf[:0], 0, 0, 0, 0), part)
		binary.BigEndian.PutUint32(s.buf, uint32(len(s.buf)-4))
		if _, err := s.to.Write(s.buf); err != nil {
			return n, err
		}
		n, p = n+len(part), p[len(part):]
	}
	return n, nil
}

// unsealer reads them.
type unsealer struct {
	from io.Reader
	seal *seal
	buf  []byte
	rest []byte // of buf, not yet read
}

func (u *unsealer) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		var head [4]byte
		if _, err := io.ReadFull(u.from, head[:]); err != nil {
			return 0, err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > maxSealed {
			return 0, errSeal
		}
		u.buf = slices.Grow(u.buf[:0], int(n))[:n]
		if _, err := io.ReadFull(u.from, u.buf); err != nil {
			return 0, err
		}
		var err error
		if u.rest, err = u.seal.open(u.buf); err != nil {
			return 0, err
		}
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}
