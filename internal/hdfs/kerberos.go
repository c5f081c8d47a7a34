package hdfs

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/types"
)

// What can be wrong with a login by Kerberos; ErrKerberos is said of all of them.
var (
	ErrKerberos  = errors.New("cannot log in with Kerberos")
	ErrKrb5Conf  = errors.New("no configuration of Kerberos that can be used")
	ErrNoTicket  = errors.New("there is no valid ticket")
	ErrKDC       = errors.New("the KDC cannot be asked")
	ErrPrincipal = errors.New("the KDC does not know the user, or not this key")
	ErrService   = errors.New("the KDC does not know the NameNode by this name")
	ErrClock     = errors.New("the clocks of this machine and the KDC differ")
	// ErrProtection: what is asked of the NameNode, and answered, would be less protected than the configuration wants.
	ErrProtection = errors.New("the NameNode offers too little protection")
	ErrSimple     = errors.New("the NameNode lets nobody in without a login, and the configuration says of none")
)

// kerberos returns a client with the credentials that MIT's tools would use: those of the credential cache that kinit filled,
// else those of a keytab, for the first principal in it.
func kerberos() (*client.Client, error) {
	conf, cacheName, err := krb5conf()
	if err != nil {
		return nil, err
	}
	c, cacheErr := fromCache(conf, cacheName)
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
			return nil, fmt.Errorf("%w: cannot read the keytab %q: %w", ErrNoTicket, name, err)
		}
		if len(keys.Entries) == 0 {
			return nil, fmt.Errorf("%w: the keytab %q is empty", ErrNoTicket, name)
		}
		p := keys.Entries[0].Principal
		who := strings.Join(p.Components, "/")
		c := client.NewWithKeytab(who, p.Realm, keys, conf, client.DisablePAFXFAST(true))
		if err := c.Login(); err != nil {
			return nil, kerberosError(fmt.Errorf("%s@%s, of the keytab %q: %w", who, p.Realm, name, err))
		}
		return c, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrNoTicket, cacheErr)
}

// fromCache takes the ticket of the credential cache in KRB5CCNAME, or else of the one that krb5.conf names.
func fromCache(conf *config.Config, byConf string) (*client.Client, error) {
	name := os.Getenv("KRB5CCNAME")
	if name == "" {
		u, err := user.Current()
		if err != nil {
			return nil, err
		}
		if name = byConf; name == "" {
			name = "/tmp/krb5cc_%{uid}"
		}
		name = strings.NewReplacer("%{uid}", u.Uid, "%{euid}", u.Uid, "%{USERID}", u.Uid, "%{username}", u.Username).Replace(name)
	}
	if kind, rest, ok := strings.Cut(name, ":"); ok {
		if kind != "FILE" {
			return nil, fmt.Errorf("the credential cache %q is none that is a file: set KRB5CCNAME to FILE:path, then run kinit", name)
		}
		name = rest
	}
	cache, err := loadCache(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the credential cache %q: %w", name, err)
	}
	realm := cache.GetClientRealm()
	if realm == "" {
		return nil, fmt.Errorf("the credential cache %q is damaged", name)
	}
	tgt, ok := cache.GetEntry(types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}})
	if !ok {
		return nil, fmt.Errorf("the credential cache %q has no ticket for tickets of %s", name, realm)
	}
	if time.Now().After(tgt.EndTime) {
		return nil, fmt.Errorf("the ticket of %s@%s in %q expired at %s", cache.GetClientPrincipalName().PrincipalNameString(), realm, name,
			tgt.EndTime.UTC().Format(time.RFC3339))
	}
	c, err := client.NewFromCCache(cache, conf, client.DisablePAFXFAST(true))
	if err != nil {
		return nil, fmt.Errorf("the credential cache %q is damaged: %w", name, err)
	}
	return c, nil
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

// kerberosError says of an error what is wrong, where that can be known: the libraries hand on text.
func kerberosError(err error) error {
	text := err.Error()
	for _, x := range []struct {
		in   string
		what error
	}{
		{"(hadoop.rpc.protection)", ErrProtection},
		{"KDC_ERR_S_PRINCIPAL_UNKNOWN", ErrService},
		{"KDC_ERR_C_PRINCIPAL_UNKNOWN", ErrPrincipal},
		{"PREAUTH_FAILED", ErrPrincipal}, // Kerby says it in the text only
		{"keytab incorrect", ErrPrincipal},
		{"KRB_AP_ERR_SKEW", ErrClock},
		{"KRB_AP_ERR_TKT_EXPIRED", ErrNoTicket},
		{"any defined KDCs", ErrKrb5Conf},
		{"no KDCs defined", ErrKrb5Conf},
		{"lookup _kerberos._", ErrKrb5Conf}, // nor does the DNS name one
		{"no KDC SRV records", ErrKrb5Conf},
		{"Networking_Error", ErrKDC},
	} {
		if strings.Contains(text, x.in) {
			return fmt.Errorf("%w: %w", x.what, err)
		}
	}
	return err
}
