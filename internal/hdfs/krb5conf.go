package hdfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/jcmturner/gokrb5/v8/config"
)

const maxIncludes = 100 // files that a krb5.conf may draw in

// krb5conf reads the configuration that MIT's tools would: the files of KRB5_CONFIG, else /etc/krb5.conf, with what they
// include, which the library does not. It also returns the name of the default credential cache, empty if none is named.
func krb5conf() (conf *config.Config, cache string, err error) {
	names := os.Getenv("KRB5_CONFIG")
	if names == "" {
		names = "/etc/krb5.conf"
	}
	s := krb5sections{lines: map[string][]string{}}
	for _, name := range filepath.SplitList(names) {
		if err = s.read(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, "", fmt.Errorf("%w: %w", ErrKrb5Conf, err)
		}
	}
	if s.files == 0 {
		return nil, "", fmt.Errorf("%w: there is no %q", ErrKrb5Conf, names)
	}
	var b strings.Builder
	for _, section := range []string{"libdefaults", "realms", "domain_realm"} {
		fmt.Fprintf(&b, "[%s]\n", section)
		if section == "libdefaults" {
			b.WriteString("dns_lookup_kdc = true\n") // MIT's default, not the library's; of several lines it takes the last
		}
		for _, l := range s.lines[section] {
			b.WriteString(l + "\n")
		}
	}
	conf, err = config.NewFromString(b.String())
	if errors.As(err, new(config.UnsupportedDirective)) { // of Kerberos 4, and left out
		err = nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w: cannot read %q: %w", ErrKrb5Conf, names, err)
	}
	for _, l := range s.lines["libdefaults"] {
		if key, value, ok := strings.Cut(l, "="); ok && strings.TrimSpace(key) == "default_ccache_name" {
			cache = strings.TrimSpace(value)
		}
	}
	return conf, cache, nil
}

// krb5sections are the lines of a krb5.conf by section: the library takes the last of several sections of one name for the
// only one, and every file that is included has its own.
type krb5sections struct {
	lines map[string][]string
	files int
}

// included are the names of files that includedir takes.
var included = regexp.MustCompile(`^([A-Za-z0-9_-]+|[^.].*\.conf)$`)

func (s *krb5sections) read(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if s.files++; s.files > maxIncludes {
		return fmt.Errorf("%q: more than %d files are included", name, maxIncludes)
	}
	section := ""
	for _, l := range strings.Split(string(text), "\n") {
		l = strings.TrimSpace(l)
		directive, arg := l, ""
		if i := strings.IndexFunc(l, unicode.IsSpace); i >= 0 {
			directive, arg = l[:i], strings.TrimSpace(l[i:])
		}
		switch {
		case strings.HasPrefix(l, "["):
			section, _, _ = strings.Cut(l[1:], "]")
		case directive == "include":
			if err := s.read(arg); err != nil {
				return err
			}
		case directive == "includedir":
			files, err := os.ReadDir(arg)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			for _, f := range files {
				if included.MatchString(f.Name()) && !f.IsDir() {
					if err := s.read(filepath.Join(arg, f.Name())); err != nil {
						return err
					}
				}
			}
		default:
			s.lines[section] = append(s.lines[section], l)
		}
	}
	return nil
}
