package hdfs

import (
	"bufio"
	"context"
	"crypto/aes"
	"encoding/binary"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Where the NameNode has blocks encrypted by its own keys (dfs.encrypt.data.transfer), which only the library can ask for, the
// handshake with DataNodes is the library's. What it would take, and should not, is held back here: no encryption, ciphers with short
// keys, encryption without AES, of which it loses bytes (see sasl.go), and answers at which it panics.

// overseen is a connection to a DataNode whose part of the handshake is read before the library reads it.
type overseen struct {
	net.Conn
	in      *bufio.Reader
	checked int    // messages
	ready   []byte // of a message that may be read
}

// overseenDial makes them.
func overseenDial(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c.SetDeadline(time.Now().Add(handshakeTimeout))
		return &overseen{Conn: c, in: bufio.NewReader(c)}, nil
	}
}

func (c *overseen) Read(p []byte) (int, error) {
	if len(c.ready) == 0 && c.checked < 2 {
		b, err := readFrame(c.in)
		if err == nil {
			err = checkEncryption(b, c.checked == 0)
		}
		if err != nil {
			c.Close() // the library does not
			return 0, fmt.Errorf("the DataNode %s is not read from: %w", c.RemoteAddr(), err)
		}
		c.ready = append(binary.AppendUvarint(nil, uint64(len(b))), b...)
		if c.checked++; c.checked == 2 {
			c.SetDeadline(time.Time{})
		}
	}
	if len(c.ready) == 0 {
		return c.in.Read(p)
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// checkEncryption judges a message of a DataNode: the challenge, or the one after.
func checkEncryption(b []byte, challenge bool) error {
	m, err := parseMessage(b)
	if err != nil {
		return err
	}
	if challenge {
		qops, ciphers := offer(m.payload)
		if len(qops) == 0 || qops[0] != "auth-conf" { // the first is taken
			return fmt.Errorf("it offers the protection %s, and blocks have to be encrypted (dfs.encrypt.data.transfer)", strings.Join(qops, ","))
		}
		if !slices.Contains(ciphers, rc4128) {
			return fmt.Errorf("it offers the ciphers %s, and none of them is rc4 with keys of 128 bits, with which the keys for AES are sent", strings.Join(ciphers, ","))
		}
		return nil
	}
	if !strings.HasPrefix(string(m.payload), "rspauth=") {
		return errBroken
	}
	if m.aes == nil {
		return ErrEncrypted
	}
	k := m.aes
	if len(k.inKey) < sealLen || len(k.outKey) < sealLen || len(k.inIV) != aes.BlockSize || len(k.outIV) != aes.BlockSize {
		return errBroken
	}
	return nil
}

// libraryDirective is how the library reads a challenge: what it may do has to be judged by what it reads.
var libraryDirective = regexp.MustCompile(`,?([a-zA-Z0-9]+)=("([^"]+)"|([^,]+)),?`)

// offer is what a challenge offers, in the eyes of the library: protections and ciphers. Both are nil if it names none.
func offer(challenge []byte) (qops, ciphers []string) {
	for _, m := range libraryDirective.FindAllSubmatch(challenge, -1) {
		switch string(m[1]) {
		case "qop":
			qops = strings.Split(string(m[3]), ",")
		case "cipher":
			ciphers = strings.Split(string(m[3]), ",")
		}
	}
	return qops, ciphers
}
