package hdfs

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
)

// kerberos returns a client with the credentials that MIT's tools would use: those of the credential cache that kinit filled,
// else those of a keytab, for the first principal in it.
func kerberos() (*client.Client, error) {
	file := os.Getenv("KRB5_CONFIG")
	if file == "" {
		file = "/etc/krb5.conf"
	}
	conf, err := config.Load(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", file, err)
	}
	c, cacheErr := fromCache(conf)
	if cacheErr == nil {
		return c, nil
	}
	for _, name := range []string{os.Getenv("KRB5_CLIENT_KTNAME"), os.Getenv("KRB5_KTNAME")} {
		if name == "" {
			continue
		}
		name = strings.TrimPrefix(name, "FILE:")
		keys, err := keytab.Load(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read the keytab %q: %w", name, err)
		}
		if len(keys.Entries) == 0 {
			return nil, fmt.Errorf("the keytab %q is empty", name)
		}
		p := keys.Entries[0].Principal
		c := client.NewWithKeytab(strings.Join(p.Components, "/"), p.Realm, keys, conf, client.DisablePAFXFAST(true))
		if err := c.Login(); err != nil {
			return nil, fmt.Errorf("with the keytab %q: %w", name, err)
		}
		return c, nil
	}
	return nil, fmt.Errorf("%w; run kinit, or set KRB5_CLIENT_KTNAME to a keytab", cacheErr)
}

func fromCache(conf *config.Config) (*client.Client, error) {
	name := os.Getenv("KRB5CCNAME")
	if name == "" {
		u, err := user.Current()
		if err != nil {
			return nil, err
		}
		name = "/tmp/krb5cc_" + u.Uid
	}
	if kind, rest, ok := strings.Cut(name, ":"); ok {
		if kind != "FILE" {
			return nil, fmt.Errorf("the credential cache %q is none that is a file: set KRB5CCNAME to FILE:path and run kinit", name)
		}
		name = rest
	}
	cache, err := loadCache(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the credential cache %q: %w", name, err)
	}
	return client.NewFromCCache(cache, conf, client.DisablePAFXFAST(true))
}

// loadCache reads a credential cache; the library panics on one that is cut off.
func loadCache(name string) (c *credentials.CCache, err error) {
	defer func() {
		if recover() != nil {
			c, err = nil, errors.New("it is damaged")
		}
	}()
	return credentials.LoadCCache(name)
}
