// Package encryption is the configuration by which the API server encrypts Secrets, as k3s writes it: one provider with
// its keys, and "identity", which is no encryption. What comes first is written with; all of it is read. Pure.
package encryption

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiserver "k8s.io/apiserver/pkg/apis/apiserver/v1"
)

// The providers that k3s has.
const (
	AESCBC    = "aescbc"
	Secretbox = "secretbox"
)

// Providers are their names.
var Providers = []string{AESCBC, Secretbox}

// keyBytes is what both providers take.
const keyBytes = 32

// A Config is how Secrets are written and read.
type Config struct {
	Provider string
	// Enabled is whether Secrets are written with the first key. Otherwise they are written as they are.
	Enabled bool
	Keys    []apiserver.Key
}

// New has one new key.
func New(provider string, enabled bool) Config {
	return Config{provider, enabled, []apiserver.Key{newKey(provider)}}
}

func newKey(provider string) apiserver.Key {
	secret, suffix := make([]byte, keyBytes), make([]byte, 2)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	_, _ = rand.Read(suffix)
	name := provider + "key-" + time.Now().UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(suffix)
	return apiserver.Key{Name: name, Secret: base64.StdEncoding.EncodeToString(secret)}
}

// Marshal is the file. It is a secret.
func (c Config) Marshal() ([]byte, error) {
	keys := slices.Clone(c.Keys)
	var provider apiserver.ProviderConfiguration
	switch c.Provider {
	case AESCBC:
		provider.AESCBC = &apiserver.AESConfiguration{Keys: keys}
	case Secretbox:
		provider.Secretbox = &apiserver.SecretboxConfiguration{Keys: keys}
	default:
		return nil, fmt.Errorf("there is no provider %q", c.Provider)
	}
	providers := []apiserver.ProviderConfiguration{provider, {Identity: &apiserver.IdentityConfiguration{}}}
	if !c.Enabled {
		slices.Reverse(providers)
	}
	b, err := json.Marshal(apiserver.EncryptionConfiguration{
		TypeMeta:  metav1.TypeMeta{Kind: "EncryptionConfiguration", APIVersion: apiserver.SchemeGroupVersion.String()},
		Resources: []apiserver.ResourceConfiguration{{Resources: []string{"secrets"}, Providers: providers}},
	})
	return append(b, '\n'), err
}

// Parse reads what Marshal has written. No error shows a key.
func Parse(content []byte) (Config, error) {
	var file apiserver.EncryptionConfiguration
	if err := json.Unmarshal(content, &file); err != nil {
		return Config{}, errors.New("expected an EncryptionConfiguration in JSON")
	}
	if len(file.Resources) != 1 || !slices.Equal(file.Resources[0].Resources, []string{"secrets"}) || len(file.Resources[0].Providers) != 2 {
		return Config{}, errors.New("expected one entry, for secrets, with identity and another provider")
	}
	var c Config
	hasIdentity := false
	for i, p := range file.Resources[0].Providers {
		switch {
		case p.AESCBC != nil:
			c = Config{AESCBC, i == 0, p.AESCBC.Keys}
		case p.Secretbox != nil:
			c = Config{Secretbox, i == 0, p.Secretbox.Keys}
		case p.Identity != nil:
			hasIdentity = true
		}
	}
	if c.Provider == "" || !hasIdentity {
		return Config{}, errors.New("expected the providers identity and aescbc, or identity and secretbox")
	}
	if len(c.Keys) == 0 {
		return Config{}, errors.New("expected a key")
	}
	for _, k := range c.Keys {
		if secret, err := base64.StdEncoding.DecodeString(k.Secret); err != nil || len(secret) != keyBytes || k.Name == "" {
			return Config{}, fmt.Errorf("expected keys with names and %d bytes in base64", keyBytes)
		}
	}
	return c, nil
}

// Active is the name of the key that Secrets are written with; "" if they are written as they are.
func (c Config) Active() string {
	if !c.Enabled {
		return ""
	}
	return c.Keys[0].Name
}

// Prefix is what a Secret begins with in the datastore when it was written by this configuration; nil if it is written
// as it is.
func (c Config) Prefix() []byte {
	if !c.Enabled {
		return nil
	}
	return []byte("k8s:enc:" + c.Provider + ":v1:" + c.Keys[0].Name + ":")
}

// Reading writes as before, and reads with the keys of others, too.
func (c Config) Reading(others ...Config) Config {
	c.Keys = slices.Clone(c.Keys)
	for _, other := range others {
		for _, k := range other.Keys {
			if !slices.Contains(c.Keys, k) {
				c.Keys = append(c.Keys, k)
			}
		}
	}
	return c
}

// WithNewKey reads with a new key, too.
func (c Config) WithNewKey() Config {
	c.Keys = append(slices.Clone(c.Keys), newKey(c.Provider))
	return c
}

// Writing writes with the last key, or, unless enabled, without one.
func (c Config) Writing(enabled bool) Config {
	c.Enabled = enabled
	n := len(c.Keys) - 1
	c.Keys = append([]apiserver.Key{c.Keys[n]}, c.Keys[:n]...)
	return c
}

// Alone has the first key only.
func (c Config) Alone() Config {
	c.Keys = c.Keys[:1]
	return c
}
