// Package hdfs reads logs out of the Hadoop Distributed File System, and writes what a job needs there, by the protocols of
// its own clients: no Java, no gateway.
//
// A file is named by a URL: hdfs://namenode:8020/logs/web.log, hdfs://cluster/logs (a name that the configuration in
// HADOOP_CONF_DIR explains) or hdfs:///logs (the configuration's fs.defaultFS).
package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

const (
	scheme      = "hdfs://"
	defaultPort = "8020"           // of a NameNode whose URL says none, as in Hadoop
	dialTimeout = 10 * time.Second // a host that does not answer within this is down
	attempts    = 3                // a read that fails, of whatever replica
)

// Errors that callers tell apart.
var (
	ErrUnreachable = errors.New("no NameNode answers")
	ErrNoNameNode  = errors.New("the URL names no NameNode, and no configuration does")
	ErrEncrypted   = errors.New("the DataNodes encrypt without AES, which weir cannot read: have dfs.encrypt.data.transfer.cipher.suites set to AES/CTR/NoPadding there, or get the log with hdfs dfs -get")
)

// IsURL reports whether an argument names something in HDFS.
func IsURL(arg string) bool { return strings.HasPrefix(arg, scheme) }

// A System is one file system, connected. It may be used by several goroutines at once.
type System struct {
	client    *hdfs.Client
	authority string // as the user wrote it, perhaps empty
}

// A Cluster keeps connections, one for each file system that was asked for. The zero value has none. It may be used by
// several goroutines at once.
type Cluster struct {
	mu      sync.Mutex
	systems map[string]*System
}

// Close ends all connections. What was opened cannot be read any more.
func (c *Cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, s := range c.systems {
		errs = append(errs, s.client.Close())
	}
	c.systems = nil
	return errors.Join(errs...)
}

// System connects to the file system of a URL and returns the URL's path in it.
//
// Who asks is HADOOP_USER_NAME, else the user of this process; where the configuration says so, whom Kerberos knows: by the
// credential cache (KRB5CCNAME), else by a keytab (KRB5_CLIENT_KTNAME, KRB5_KTNAME).
func (c *Cluster) System(link string) (s *System, name string, err error) {
	authority, name, err := split(link)
	if err != nil {
		return nil, "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.systems[authority]; s != nil {
		return s, name, nil
	}
	s, err = connect(authority)
	if err != nil {
		return nil, "", err
	}
	if c.systems == nil {
		c.systems = map[string]*System{}
	}
	c.systems[authority] = s
	return s, name, nil
}

// Full returns a URL that means the same on machines with another configuration: with the NameNode in it, where there is one only.
func (c *Cluster) Full(link string) (string, error) {
	authority, name, err := split(link)
	if err != nil {
		return "", err
	}
	if authority == "" {
		conf, err := configuration()
		if err != nil {
			return "", err
		}
		if authority, err = defaultAuthority(conf); err != nil {
			return "", err
		}
	}
	return scheme + authority + name, nil
}

// defaultAuthority is that of the configuration's own file system.
func defaultAuthority(conf hadoopconf.HadoopConf) (string, error) {
	def := conf["fs.defaultFS"]
	if def == "" {
		def = conf["fs.default.name"]
	}
	u, err := url.Parse(def)
	if def == "" || err != nil || u.Scheme != "hdfs" || u.Host == "" {
		return "", ErrNoNameNode
	}
	return u.Host, nil
}

// split takes a URL apart. A name may hold what other URLs would escape: %, ? and #.
func split(link string) (authority, name string, err error) {
	rest, ok := strings.CutPrefix(link, scheme)
	if !ok {
		return "", "", fmt.Errorf("%q does not start with %s", link, scheme)
	}
	authority, name, _ = strings.Cut(rest, "/")
	if strings.ContainsAny(authority, "@?#% ") {
		return "", "", fmt.Errorf("cannot read %q: write hdfs://namenode:port/path, or hdfs:///path; the user comes from HADOOP_USER_NAME", link)
	}
	return authority, path.Clean("/" + name), nil
}

// nameNodes returns the addresses that an authority stands for.
func nameNodes(authority string, conf hadoopconf.HadoopConf) ([]string, error) {
	if authority == "" {
		var err error
		if authority, err = defaultAuthority(conf); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, id := range strings.Split(conf["dfs.ha.namenodes."+authority], ",") {
		if a := conf["dfs.namenode.rpc-address."+authority+"."+strings.TrimSpace(id)]; a != "" {
			out = append(out, a)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	if _, _, err := net.SplitHostPort(authority); err != nil {
		authority = net.JoinHostPort(strings.Trim(authority, "[]"), defaultPort)
	}
	return []string{authority}, nil
}

// configuration is that of HADOOP_CONF_DIR, or of HADOOP_HOME; nil without either.
func configuration() (hadoopconf.HadoopConf, error) {
	var dirs []string
	if d := os.Getenv("HADOOP_CONF_DIR"); d != "" {
		dirs = append(dirs, d)
	}
	if home := os.Getenv("HADOOP_HOME"); home != "" {
		dirs = append(dirs, filepath.Join(home, "etc", "hadoop"), filepath.Join(home, "conf"))
	}
	for _, d := range dirs {
		conf, err := hadoopconf.Load(d)
		if err != nil {
			return nil, fmt.Errorf("cannot read Hadoop's configuration in %q: %w", d, err)
		}
		if conf != nil {
			return conf, nil
		}
	}
	return nil, nil
}

func connect(authority string) (*System, error) {
	conf, err := configuration()
	if err != nil {
		return nil, err
	}
	o := hdfs.ClientOptionsFromConf(conf)
	if o.Addresses, err = nameNodes(authority, conf); err != nil {
		return nil, err
	}
	dial := (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	o.NamenodeDialFunc, o.DatanodeDialFunc = dial, dial
	if o.User = os.Getenv("HADOOP_USER_NAME"); o.User == "" {
		u, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("cannot find out who you are; set HADOOP_USER_NAME: %w", err)
		}
		o.User = u.Username
	}
	token, noToken := tokenFor(authority, o.Addresses, conf)
	if noToken != nil && !errors.Is(noToken, errNoFile) {
		return nil, noToken
	}
	secured := token != nil || o.KerberosClient != nil
	switch {
	case token != nil: // whoever has one, tasks as a rule, has no ticket
		o.User, o.KerberosClient = token.owner, nil
		o.NamenodeDialFunc = tokenDial(dial, token, conf["hadoop.rpc.protection"])
	case secured:
		if o.KerberosClient, err = kerberos(); err != nil {
			if noToken != nil {
				return nil, fmt.Errorf("%w: %w; %w", ErrKerberos, err, noToken)
			}
			return nil, fmt.Errorf("%w: %w", ErrKerberos, err)
		}
		setting := conf["hadoop.rpc.protection"]
		o.NamenodeDialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &negotiated{Conn: c, allowed: protections(setting), setting: setting}, nil
		}
	default:
		o.NamenodeDialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &greeting{Conn: c}, nil
		}
	}
	encrypt := strings.EqualFold(conf["dfs.encrypt.data.transfer"], "true")
	switch {
	case encrypt:
		o.DatanodeDialFunc = overseenDial(dial)
	case secured:
		o.DataTransferProtection = "" // not the library's handshake, but that of sasl.go
		o.DatanodeDialFunc = secureDial(dial, protections(conf["dfs.data.transfer.protection"]))
	}
	client, defaults, err := ask(o, secured)
	if err != nil {
		return nil, err
	}
	if defaults.EncryptDataTransfer && !encrypt {
		// Then what the configuration says does not count, nor a port: nothing but encryption is taken. The library is to
		// be told from the start.
		client.Close()
		if client, _, err = ask(encrypted(o, overseenDial(dial)), secured); err != nil {
			return nil, err
		}
	}
	return &System{client: client, authority: authority}, nil
}

// encrypted returns the options with which DataNodes have to encrypt, at whatever port they listen.
func encrypted(o hdfs.ClientOptions, dial dialer) hdfs.ClientOptions {
	e := hdfs.ClientOptionsFromConf(hadoopconf.HadoopConf{"dfs.encrypt.data.transfer": "true"}) // which also sets what only it can
	e.Addresses, e.User, e.UseDatanodeHostname, e.NamenodeDialFunc = o.Addresses, o.User, o.UseDatanodeHostname, o.NamenodeDialFunc
	e.KerberosClient, e.KerberosServicePrincipleName = o.KerberosClient, o.KerberosServicePrincipleName
	e.DatanodeDialFunc = dial
	return e
}

// ask connects to a NameNode, and asks it a first question: what it has for defaults. Secured is a connection with a login.
func ask(o hdfs.ClientOptions, secured bool) (client *hdfs.Client, defaults hdfs.ServerDefaults, err error) {
	where := strings.Join(o.Addresses, ", ")
	client, err = hdfs.NewClient(o)
	if err != nil {
		if _, why, ok := strings.Cut(err.Error(), ErrToken.Error()); ok { // the library hands on text
			return nil, defaults, fmt.Errorf("%w%s (at %s)", ErrToken, why, where)
		}
		if strings.Contains(err.Error(), "SASL") || strings.Contains(err.Error(), "kerberos") {
			return nil, defaults, fmt.Errorf("%w at %s: %w", ErrKerberos, where, kerberosError(err))
		}
		return nil, defaults, fmt.Errorf("%w at %s: %w", ErrUnreachable, where, err)
	}
	// Asked for before others do: the client keeps the answer, without a lock. It also tells a port at which something
	// else listens.
	if defaults, err = client.ServerDefaults(); err != nil {
		client.Close()
		return nil, defaults, firstError(err, where, secured)
	}
	return client, defaults, nil
}

// greeting sends what a client says before it listens in one piece. A NameNode that wants Kerberos refuses after the first
// part and hangs up: who is still writing then hears of a broken pipe, and not why.
type greeting struct {
	net.Conn
	held    []byte
	answers io.Reader // nil until it is listened to
}

func (g *greeting) Write(p []byte) (int, error) {
	if g.answers != nil {
		return g.Conn.Write(p)
	}
	g.held = append(g.held, p...)
	return len(p), nil
}

func (g *greeting) Read(p []byte) (int, error) {
	if g.answers == nil {
		g.answers = plainAnswers(g.Conn)
		if _, err := g.Conn.Write(g.held); err != nil {
			return 0, err
		}
		g.held = nil
	}
	return g.answers.Read(p)
}

// firstError explains why a NameNode that could be connected to does not answer the first question.
func firstError(err error, where string, secured bool) error {
	var net net.Error
	switch {
	case secured && strings.Contains(err.Error(), "unexpected sequence number"): // it answers another question: who asks
		return fmt.Errorf("the NameNode at %s refuses the connection after the login; its log says why (hadoop.security.authorization, perhaps, keeps this user out)", where)
	case strings.Contains(err.Error(), "unexpected sequence number"), strings.Contains(err.Error(), "SIMPLE authentication is not enabled"):
		// It refuses the connection, not the question; the library does not read the reason, which hardly is another.
		return fmt.Errorf("%w at %s: %w", ErrKerberos, where, ErrSimple)
	case errors.As(err, &net), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errBroken), strings.Contains(err.Error(), "no available namenodes"):
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, where, plain(err))
	}
	return plain(err)
}

// URL is how the user would write a path of the system.
func (s *System) URL(name string) string { return scheme + s.authority + name }

// Stat says what a path is.
func (s *System) Stat(name string) (fs.FileInfo, error) {
	info, err := s.client.Stat(name)
	return info, plain(err)
}

// ReadDir lists a directory in the order of names.
func (s *System) ReadDir(name string) ([]fs.FileInfo, error) {
	list, err := s.client.ReadDir(name)
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return list, plain(err)
}

// MkdirAll makes a directory that only its owner reads, and those above it that are not there, likewise.
func (s *System) MkdirAll(name string) error { return plain(s.client.MkdirAll(name, 0o700)) }

// MakeTemp makes the directory for what is temporary, which everybody writes to and nobody removes another's from, if it is not there.
func (s *System) MakeTemp(name string) error {
	err := s.client.Mkdir(name, 0o1777)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return plain(err)
}

// RemoveAll removes a path and what is below it.
func (s *System) RemoveAll(name string) error { return plain(s.client.RemoveAll(name)) }

// Write makes a file that was not there of all that from has, from its beginning, or nothing. It is written again where a block is wanted before the NameNode
// has heard of the last but one, on which the client library gives up.
func (s *System) Write(name string, from io.ReadSeeker) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			return err
		}
		made, err := s.write(name, from)
		if err == nil {
			return nil
		}
		if made && !lost(err) { // half of it is worth nothing
			if left := s.client.Remove(name); left != nil && !errors.Is(left, fs.ErrNotExist) {
				return fmt.Errorf("%w; half of it is left: it cannot be removed: %w", plain(err), plain(left))
			}
		}
		if !raised(err, "NotReplicatedYetException") || wait > longestWait {
			return plain(err)
		}
		time.Sleep(wait)
	}
}

// raised reports whether an error is a certain exception of the NameNode.
func raised(err error, exception string) bool {
	var remote hdfs.Error
	return errors.As(err, &remote) && strings.HasSuffix(remote.Exception(), "."+exception)
}

// lost reports whether what is called so is no longer the file that was being written: somebody has removed it, or made another.
func lost(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || raised(err, "LeaseExpiredException")
}

// longestWait is the last pause of those that double.
const longestWait = 10 * time.Second

// write is Write without repetitions. It reports whether there may be a file.
func (s *System) write(name string, from io.Reader) (made bool, err error) {
	w, err := s.client.Create(name)
	if err != nil {
		return false, err
	}
	if _, err := io.Copy(w, from); err != nil {
		w.Close()
		return true, err
	}
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		err := w.Close()
		if err == nil || !hdfs.IsErrReplicating(err) || wait > longestWait {
			return true, err
		}
		time.Sleep(wait)
	}
}

// Open reads a file. What is returned is an [io.ReaderAt] too.
func (s *System) Open(name string) (io.ReadSeekCloser, error) {
	f, err := s.client.Open(name)
	if err != nil {
		return nil, plain(err)
	}
	return &reader{f}, nil
}

// reader tries again what failed: the client goes on to another replica.
type reader struct {
	*hdfs.FileReader
}

func (r *reader) Read(p []byte) (n int, err error) {
	for try := 1; ; try++ {
		n, err = r.FileReader.Read(p)
		if n > 0 && err != nil && err != io.EOF {
			return n, nil // the rest fails again or not
		}
		if n > 0 || err == nil || err == io.EOF {
			return n, err
		}
		if try == attempts {
			return n, plain(err)
		}
	}
}

// ReadAt implements io.ReaderAt. It moves the place at which Read goes on.
func (r *reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off >= r.Stat().Size() {
		return 0, io.EOF
	}
	for try := 1; ; try++ {
		n, err = r.FileReader.ReadAt(p, off)
		if err == io.ErrUnexpectedEOF { // the end of the file came before that of p
			err = io.EOF
		}
		if err == nil || err == io.EOF {
			return n, err
		}
		if try == attempts {
			return n, plain(err)
		}
	}
}

// plain makes a Java exception one line: its first, without the trace. The name of a path error is left to the caller.
func plain(err error) error {
	if err == nil {
		return nil
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	var remote hdfs.Error
	if errors.As(err, &remote) {
		message, _, _ := strings.Cut(remote.Message(), "\n")
		exception := remote.Exception()
		exception = exception[strings.LastIndexByte(exception, '.')+1:]
		return fmt.Errorf("%s: %s", exception, strings.TrimPrefix(message, remote.Exception()+": "))
	}
	return err
}
