package hdfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/colinmarc/hdfs/v2/hadoopconf"
	"google.golang.org/protobuf/encoding/protowire"
)

// ErrToken is said of a login by a delegation token.
var ErrToken = errors.New("cannot log in with the delegation token of the job")

// delegation is a token that a NameNode gave a job so that its tasks, which have no ticket, act as its user.
type delegation struct {
	identifier, password []byte
	owner                string // whom it stands for
	service              string // host:port of the NameNode, or ha-hdfs:NAMESERVICE
}

const (
	tokenFile    = "HADOOP_TOKEN_FILE_LOCATION" // is in the environment of containers, of MapReduce and of Spark on YARN
	tokenKind    = "HDFS_DELEGATION_TOKEN"
	maxTokenFile = 16 << 20
)

// errNoFile is said of files of tokens that are not there. Hadoop's clients then go on without, by a ticket.
var errNoFile = errors.New("there is no such file")

// delegations reads the tokens for NameNodes in the files that the environment names; none if it names none. The error is errNoFile, beside
// the tokens of the others, if some files are not there.
func delegations() (tokens []delegation, missing error) {
	for name := range strings.SplitSeq(os.Getenv(tokenFile), ",") { // as UserGroupInformation, 3.4.2
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		more, err := readCredentials(name)
		if errors.Is(err, fs.ErrNotExist) {
			missing = fmt.Errorf("%w: %w, %q, which %s names", ErrToken, errNoFile, name, tokenFile)
			continue
		}
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, more...)
	}
	return tokens, missing
}

// readCredentials reads the tokens for NameNodes in one file.
func readCredentials(name string) ([]delegation, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot read the file in %s: %w", ErrToken, tokenFile, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
	if err != nil {
		return nil, fmt.Errorf("%w: cannot read the file in %s: %w", ErrToken, tokenFile, err)
	}
	tokens, ok := parseCredentials(b)
	if !ok {
		return nil, fmt.Errorf("%w: the file in %s, %q, is damaged", ErrToken, tokenFile, name)
	}
	return tokens, nil
}

// parseCredentials reads a file of Hadoop's credentials (org.apache.hadoop.security.Credentials, Token and
// AbstractDelegationTokenIdentifier, 3.4.2):
//
//	HDTS, 0                      magic and version; 1 is another way to write them (protobuf), see below
//	number of tokens, and for each
//	  alias                      text: its length, its bytes
//	  identifier, password       bytes: their length, they
//	  kind, service              texts
//	secrets, which are not read
//
// Version 1 is a CredentialsProto after its length. Numbers of version 0 are Hadoop's vints.
func parseCredentials(b []byte) (tokens []delegation, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte("HDTS"))
	if !ok || len(rest) == 0 {
		return nil, false
	}
	version, r := rest[0], &vintReader{b: rest[1:]}
	add := func(identifier, password, kind, service []byte) {
		if string(kind) != tokenKind {
			return
		}
		id := &vintReader{b: identifier}
		id.take(1) // its version
		owner := id.part()
		if id.bad {
			r.bad = true
			return
		}
		tokens = append(tokens, delegation{identifier, password, string(owner), string(service)})
	}
	switch version {
	case 0:
		for n := r.vint(); n > 0 && !r.bad; n-- {
			r.part() // alias
			identifier, password, kind, service := r.part(), r.part(), r.part(), r.part()
			if !r.bad {
				add(identifier, password, kind, service)
			}
		}
	case 1:
		all, l := protowire.ConsumeBytes(r.b)
		r.bad = l < 0 || !eachField(all, func(n protowire.Number, _ uint64, pair []byte) {
			if n == 1 && pair != nil {
				t := field(pair, 2)
				add(field(t, 1), field(t, 2), field(t, 3), field(t, 4))
			}
		})
	default:
		return nil, false
	}
	return tokens, !r.bad
}

// vintReader reads what Hadoop's WritableUtils write.
type vintReader struct {
	b   []byte
	bad bool // there was less than was to be read
}

func (r *vintReader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// vint reads a number that is not negative: itself if it fits, else how many bytes follow, as -112 - n, and these.
func (r *vintReader) vint() int {
	head := r.take(1)
	if r.bad {
		return 0
	}
	first := int(int8(head[0]))
	if first >= 0 {
		return first
	}
	n := -112 - first
	if n < 1 || n > 4 { // a negative number, or more than a file of tokens has
		r.bad = true
		return 0
	}
	v := 0
	for _, b := range r.take(n) {
		v = v<<8 | int(b)
	}
	return v
}

// part reads bytes after their length.
func (r *vintReader) part() []byte { return r.take(r.vint()) }

// tokenFor returns the token that the environment has for the NameNodes of an authority, or nil. Hadoop writes into tokens what a nameservice is
// called, or the NameNode's number, or its name where hadoop.security.token.service.use_ip is false.
//
// The error is errNoFile if there is none, and a file that might have had it is not there.
func tokenFor(authority string, addresses []string, conf hadoopconf.HadoopConf) (*delegation, error) {
	tokens, missing := delegations()
	if len(tokens) == 0 {
		return nil, missing
	}
	if authority == "" {
		var err error
		if authority, err = defaultAuthority(conf); err != nil {
			return nil, err
		}
	}
	services := append([]string{"ha-hdfs:" + authority}, addresses...)
	for _, a := range addresses {
		if host, port, err := net.SplitHostPort(a); err == nil {
			numbers, _ := net.LookupHost(host) // it may have none
			for _, n := range numbers {
				services = append(services, net.JoinHostPort(n, port), n+":"+port) // Java puts no brackets
			}
		}
	}
	for _, s := range services {
		for i := range tokens {
			if strings.EqualFold(tokens[i].service, s) {
				return &tokens[i], nil
			}
		}
	}
	return nil, missing
}

// atLeast are the protections that are no weaker than the weakest that is allowed, the strongest first.
func atLeast(allowed []string) []string {
	all := protections("")
	for i, p := range all {
		if len(allowed) > 0 && p == allowed[len(allowed)-1] {
			return all[:i+1]
		}
	}
	return nil
}
