package datastore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connectPatience is for one try to connect.
const connectPatience = 15 * time.Second

// defaultDatabase is kine's.
const defaultDatabase = "kubernetes"

// postgresURL is the endpoint in full, so that kine's driver and this package read the same.
func postgresURL(x External) (*url.URL, error) {
	_, rest, _ := strings.Cut(x.Endpoint, "://")
	u, err := url.Parse("postgres://" + rest)
	if err != nil {
		// Not the parser's own words: they repeat the whole.
		return nil, errors.New("expected postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters as %XX")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/" + defaultDatabase
	}
	u.Path = strings.ToLower(u.Path) // as kine has it
	parameters := u.Query()
	for _, one := range []struct{ name, file string }{
		{"sslcert", x.CertFile}, {"sslkey", x.KeyFile}, {"sslrootcert", x.CAFile},
	} {
		if one.file == "" || parameters.Has(one.name) {
			continue
		}
		parameters.Set(one.name, one.file)
		if !parameters.Has("sslmode") {
			parameters.Set("sslmode", "verify-full")
		}
	}
	u.RawQuery = parameters.Encode()
	return u, nil
}

func postgresConfig(x External) (*pgx.ConnConfig, error) {
	u, err := postgresURL(x)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		password, _ := u.User.Password()
		return nil, fmt.Errorf("it cannot be read: %s", withoutSecret(lastCause(err).Error(), password))
	}
	return config, nil
}

func postgresSource(x External) (string, error) {
	if _, err := postgresConfig(x); err != nil {
		return "", err
	}
	u, err := postgresURL(x)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(u.String(), "postgres://"), nil
}

func connectPostgres(ctx context.Context, x External) error {
	config, err := postgresConfig(x)
	if err != nil {
		return err
	}
	err = tryPostgres(ctx, config, "")
	if isPostgres(err, pgerrcode.InvalidCatalogName) {
		if err = createPostgres(ctx, config); err == nil {
			return nil
		}
	}
	return explainPostgres(err, config)
}

func createPostgres(ctx context.Context, config *pgx.ConnConfig) error {
	elsewhere := config.Copy()
	elsewhere.Database = "postgres" // which is always there
	err := tryPostgres(ctx, elsewhere, "CREATE DATABASE "+pgx.Identifier{config.Database}.Sanitize())
	if isPostgres(err, pgerrcode.DuplicateDatabase) || isPostgres(err, pgerrcode.UniqueViolation) {
		return nil // another server was faster
	}
	return err
}

// tryPostgres connects, and runs a statement unless it is empty.
func tryPostgres(ctx context.Context, config *pgx.ConnConfig, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if statement != "" {
		_, err = conn.Exec(ctx, statement)
	}
	return err
}

func isPostgres(err error, codes ...string) bool {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return false
	}
	for _, code := range codes {
		if said.Code == code {
			return true
		}
	}
	return false
}

func explainPostgres(err error, config *pgx.ConnConfig) error {
	if err == nil {
		return nil
	}
	host := fmt.Sprintf("PostgreSQL at %s:%d", config.Host, config.Port)
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return explainConnection(err, host)
	}
	switch said.Code {
	case pgerrcode.InvalidPassword, pgerrcode.InvalidAuthorizationSpecification:
		return fmt.Errorf("%s lets the user %s not in: correct the password in --datastore-endpoint, or its pg_hba.conf (%s)",
			host, config.User, said.Message)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("%s has no database %s that %s may use: create it with that owner (%s)",
			host, config.Database, config.User, said.Message)
	case pgerrcode.CannotConnectNow, pgerrcode.AdminShutdown, pgerrcode.CrashShutdown, pgerrcode.TooManyConnections:
		return away("%s takes no connections now: %s", host, said.Message)
	}
	return fmt.Errorf("%s: %s", host, said.Message)
}

func postgresAgain(err error) bool {
	return isPostgres(err, pgerrcode.SerializationFailure, pgerrcode.DeadlockDetected)
}

// explainConnection is about a connection that did not come to be.
func explainConnection(err error, host string) error {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return fmt.Errorf("%s has a certificate that is not trusted: correct --datastore-cafile (%v)", host, untrusted.Err)
	}
	return away("%s cannot be reached: %v", host, lastCause(err))
}

// lastCause is the innermost error, which says it in the fewest words.
func lastCause(err error) error {
	for {
		if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
			err = many.Unwrap()[0]
			continue
		}
		cause := errors.Unwrap(err)
		if cause == nil {
			return err
		}
		err = cause
	}
}

func withoutSecret(text, secret string) string {
	if secret == "" {
		return text
	}
	return strings.NewReplacer(secret, "…", url.QueryEscape(secret), "…", url.PathEscape(secret), "…").Replace(text)
}
