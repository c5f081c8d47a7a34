package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"weir/internal/enrich"
	"weir/internal/hdfs"
	"weir/internal/lake"
	"weir/internal/mongo"
	"weir/internal/source"
)

// archiveFlags say which archive is meant: a lake or a store in MongoDB.
type archiveFlags struct{ lake, store string }

func (f *archiveFlags) add(cmd *cobra.Command, lakeUsage string) {
	p := cmd.Flags()
	p.StringVar(&f.lake, "lake", "", lakeUsage)
	p.StringVar(&f.store, "store", "", "instead of a lake, the archive in the MongoDB database `URI`, mongodb://host/database (docs/mongodb.md)")
}

func (f *archiveFlags) given() bool { return f.lake != "" || f.store != "" }

// fault says what is wrong with the flags; nil if nothing is.
func (f *archiveFlags) fault(missing string) error {
	switch {
	case !f.given():
		return errors.New(missing)
	case f.lake != "" && f.store != "":
		return errors.New("--lake and --store at once: an archive is one or the other")
	}
	return nil
}

// openWith opens the archive that is there, with the addresses that it was counted with.
func (f *archiveFlags) openWith(ctx context.Context, geo *enrich.GeoDB) (lake.Store, error) {
	var s lake.Store
	var err error
	if f.store != "" {
		s, err = mongo.Open(ctx, f.store, lake.Settings{Geo: geo}, false)
	} else {
		s, err = lake.Open(ctx, f.lake, geo)
	}
	if err != nil {
		return nil, explainArchive(err)
	}
	return s, nil
}

// open opens the archive, and makes it where there is none if settings are given.
func (f *archiveFlags) open(ctx context.Context, settings *lake.Settings) (lake.Store, error) {
	if settings == nil {
		return f.openWith(ctx, nil)
	}
	var s lake.Store
	var err error
	switch {
	case f.store != "":
		s, err = mongo.Open(ctx, f.store, *settings, true)
	default:
		s, err = lake.Create(ctx, f.lake, *settings)
	}
	if err != nil {
		return nil, explainArchive(err)
	}
	return s, nil
}

// with opens the archive that flags name and runs f.
func (f *archiveFlags) with(ctx context.Context, do func(lake.Store) error) error {
	if err := f.fault("no lake: say where it is with --lake DIR"); err != nil {
		return usageError{err}
	}
	s, err := f.open(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	return explainArchive(do(s))
}

// explainArchive adds to an error of an archive what to do about it.
func explainArchive(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, mongo.ErrURI), errors.Is(err, mongo.ErrPipeline):
		return usageError{err}
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, mongo.ErrServer):
		return hintf(err, "What was committed is safe. When the server answers again, and lets weir in, run it again to go on.")
	case errors.Is(err, syscall.ENOSPC):
		return hintf(err, "What was committed is safe. Make room, or let old days go with --keep-age or --keep-size, and run it again.")
	case errors.Is(err, lake.ErrNewer):
		return hintf(err, "Use the weir that wrote it, or a newer one.")
	case errors.Is(err, lake.ErrNoLake):
		return hintf(err, "'weir ingest --lake DIR LOG...' makes one, 'weir ingest --store URI LOG...' one in MongoDB.")
	case errors.Is(err, lake.ErrReadOnly):
		return hintf(err, "It can be hunted in and asked still. To add to it, run weir as a user who may write there.")
	case errors.Is(err, lake.ErrCatalog):
		return hintf(err, "Put lake.db back from a backup, or remove the lake and ingest the logs again.")
	case errors.Is(err, lake.ErrSegment):
		return hintf(err, "'weir verify' names what is damaged.")
	}
	return err
}

// collections takes the arguments out that are collections of MongoDB, and opens these.
func collections(args []string) (rest []string, inputs []source.Input, err error) {
	for _, a := range args {
		if !mongo.IsURI(a) {
			rest = append(rest, a)
			continue
		}
		in, err := mongo.Collection(context.Background(), a) // whoever stops reading closes the input
		if err != nil {
			return nil, nil, usageError{err}
		}
		inputs = append(inputs, in)
	}
	return rest, inputs, nil
}

// inHDFS takes the arguments that name files in HDFS out of args.
func inHDFS(ctx context.Context, s *streams, args []string) (rest []string, inputs []source.Input, err error) {
	var links []string
	for _, a := range args {
		if hdfs.IsURL(a) {
			links = append(links, a)
		} else {
			rest = append(rest, a)
		}
	}
	if len(links) == 0 {
		return rest, nil, nil
	}
	inputs, notes, err := s.hdfs.Expand(ctx, links)
	if err != nil {
		return nil, nil, explainHDFS(err)
	}
	for _, n := range notes {
		fmt.Fprintf(s.err, "weir: %s\n", clean(n))
	}
	return rest, inputs, nil
}

// oneLog is the input of a name that is no pattern and no directory.
func oneLog(ctx context.Context, s *streams, name string) (source.Input, error) {
	if !hdfs.IsURL(name) {
		return source.File(name)
	}
	_, inputs, err := inHDFS(ctx, s, []string{name})
	if err == nil && len(inputs) != 1 {
		err = fmt.Errorf("%q is not one log", name)
	}
	if err != nil {
		return source.Input{}, err
	}
	return inputs[0], nil
}

// explainHDFS adds to an error of HDFS what to do about it.
func explainHDFS(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hdfs.ErrNoNameNode):
		return hintf(err, "Write hdfs://namenode:8020/path, or set HADOOP_CONF_DIR to the directory with core-site.xml.")
	case errors.Is(err, hdfs.ErrUnreachable):
		return hintf(err, "Is it running, and is this its address? 'hdfs getconf -confKey fs.defaultFS' on a machine of the cluster shows it.")
	case errors.Is(err, hdfs.ErrToken):
		return hintf(err, "The tokens in HADOOP_TOKEN_FILE_LOCATION are a job's, and end with it: run the job again; or unset it and run kinit.")
	case errors.Is(err, hdfs.ErrKerberos):
		return hintf(err, "%s", kerberosHint(err))
	case errors.Is(err, fs.ErrPermission):
		return hintf(err, "Ask for the right to read it (hdfs dfs -ls shows the owner), or be a user who has it: by HADOOP_USER_NAME, or where Kerberos says who you are, by kinit.")
	}
	return err
}

// kerberosHint is what to do about a login that failed.
func kerberosHint(err error) string {
	for _, x := range []struct {
		what error
		hint string
	}{
		{hdfs.ErrKrb5Conf, "Set KRB5_CONFIG to a krb5.conf that names the user's realm and its kdc, as the cluster's machines have it in /etc."},
		{hdfs.ErrNoTicket, "Run kinit, with KRB5CCNAME=FILE:path for a cache that is a file, or set KRB5_CLIENT_KTNAME to a keytab."},
		{hdfs.ErrKDC, "Is the kdc of krb5.conf (KRB5_CONFIG, else /etc/krb5.conf) right, and can it be reached from here? Its port is 88 if it names none."},
		{hdfs.ErrPrincipal, "'klist -kt KEYTAB' shows the users of a keytab; a password that was changed makes it worthless: get a new one, or run kinit."},
		{hdfs.ErrService, "Name the NameNode by its full host name, not by an address, as dfs.namenode.kerberos.principal in hdfs-site.xml has it."},
		{hdfs.ErrClock, "Set this machine's clock."},
		{hdfs.ErrProtection, "Is hadoop.rpc.protection in core-site.xml what the cluster's own has? If it is, somebody between may have changed what the NameNode said."},
		{hdfs.ErrSimple, "Set HADOOP_CONF_DIR to the cluster's configuration, whose core-site.xml has hadoop.security.authentication=kerberos."},
	} {
		if errors.Is(err, x.what) {
			return x.hint
		}
	}
	return "Does the configuration in HADOOP_CONF_DIR fit this cluster (dfs.namenode.kerberos.principal in hdfs-site.xml)? 'hdfs dfs -ls /' tells whether Hadoop's own client gets in."
}

// hasCollection reports whether one of the arguments is a collection of MongoDB.
func hasCollection(args []string) bool {
	for _, a := range args {
		if mongo.IsURI(a) {
			return true
		}
	}
	return false
}

// flag is the one that names the archive.
func (f *archiveFlags) flag() string {
	if f.store != "" {
		return "--store"
	}
	return "--lake"
}

// trainWith is how the user trains the archive that was named, without what may be secret.
func (f *archiveFlags) trainWith() string {
	if f.store != "" {
		return "weir train --store URI"
	}
	return "weir train --lake " + strings.TrimSpace(f.lake)
}

// makeWith is how the user makes the archive that was named, without what may be secret.
func (f *archiveFlags) makeWith() string {
	if f.store != "" {
		return "weir ingest --store URI …"
	}
	return fmt.Sprintf("weir ingest --lake %s …", strings.TrimSpace(f.lake))
}
