package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"weir/internal/source"
)

// Expand finds the inputs that URLs name: files, globs, and directories with everything below them, in the order of names,
// each once. Notes tell what was left out, and why. It is an error if a URL names nothing.
func (c *Cluster) Expand(ctx context.Context, links []string) (inputs []source.Input, notes []string, err error) {
	x := expansion{ctx: ctx, cluster: c, seen: map[string]bool{}}
	for _, link := range links {
		s, name, err := c.System(link)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read log %q: %w", link, err)
		}
		x.system = s
		if err := x.link(name); err != nil {
			return nil, nil, fmt.Errorf("cannot read log %q: %w", link, err)
		}
	}
	return x.inputs, x.notes, nil
}

type expansion struct {
	ctx     context.Context
	cluster *Cluster
	system  *System
	inputs  []source.Input
	notes   []string
	seen    map[string]bool
}

func (x *expansion) link(name string) error {
	info, err := x.system.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(name, "*?[") {
		return x.glob(name)
	}
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(name, "{") {
		return fmt.Errorf("%w; {a,b} is no pattern here: name both, or use * ? [ab]", err)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		x.file(name, info)
		return nil
	}
	before := len(x.inputs) + len(x.seen)
	if err := x.directory(name); err != nil {
		return err
	}
	if len(x.inputs)+len(x.seen) == before {
		return errors.New("the directory holds no log; name a file to read it whatever it is called")
	}
	return nil
}

// glob takes what a pattern matches, which may have wildcards in any element.
func (x *expansion) glob(pattern string) error {
	found := []string{"/"}
	elements := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	for i, element := range elements {
		if _, err := path.Match(element, ""); err != nil {
			return fmt.Errorf("cannot read the pattern: %w", err)
		}
		var next []string
		for _, dir := range found {
			if !strings.ContainsAny(element, `*?[\`) {
				next = append(next, path.Join(dir, element))
				continue
			}
			if info, err := x.system.Stat(dir); err == nil && !info.IsDir() {
				continue // a file beside the directories
			}
			list, err := x.system.ReadDir(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			for _, info := range list {
				ok, _ := path.Match(element, info.Name())
				switch {
				case ok && (!hidden(info.Name()) || hidden(element)):
					next = append(next, path.Join(dir, info.Name()))
				case ok && (info.IsDir() || i == len(elements)-1):
					x.note(path.Join(dir, info.Name()), whyNot(info.Name()))
				}
			}
		}
		found = next
	}
	some := false
	for _, name := range found {
		info, err := x.system.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		some = true
		if info.IsDir() {
			err = x.directory(name)
		} else {
			x.found(name, info)
		}
		if err != nil {
			return err
		}
	}
	if !some {
		return errors.New("no file matches")
	}
	return nil
}

func (x *expansion) directory(dir string) error {
	list, err := x.system.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, info := range list {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, info.Name())
		switch {
		case hidden(info.Name()):
			x.note(name, whyNot(info.Name()))
		case info.IsDir():
			if err := x.directory(name); errors.Is(err, fs.ErrPermission) {
				x.note(name, "permission denied")
			} else if err != nil {
				return err
			}
		default:
			x.found(name, info)
		}
	}
	return nil
}

// hidden reports whether those who write to HDFS, Hadoop and Spark themselves, mean a name not to be read: what is still being written,
// and what they note beside results.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || strings.HasSuffix(name, "._COPYING_")
}

// whyNot says why a hidden name was left out.
func whyNot(name string) string {
	if why := source.BesideTable(name); why != "" {
		return why
	}
	return "its name says that it is hidden"
}

// found takes a file that a directory or a glob led to, unless its name says that it is no log.
func (x *expansion) found(name string, info fs.FileInfo) {
	if why := source.NoLog(name); why != "" {
		x.note(name, why)
		return
	}
	x.file(name, info)
}

func (x *expansion) file(name string, info fs.FileInfo) {
	link := x.system.URL(name)
	full := link // one file, however its NameNode is called
	if f, err := x.cluster.Full(link); err == nil {
		full = f
	}
	if x.seen[full] {
		return
	}
	x.seen[full] = true
	s := x.system
	in := source.Opener(link, func() (io.ReadCloser, error) { return s.Open(name) })
	in.Size, in.ModTime = info.Size(), info.ModTime()
	x.inputs = append(x.inputs, in)
}

func (x *expansion) note(name, why string) {
	x.notes = append(x.notes, fmt.Sprintf("%s was left out: %s", x.system.URL(name), why))
}
