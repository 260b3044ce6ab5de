package datastore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/k3s-io/kine/pkg/tls"
)

// What MySQL and MariaDB say no with.
const (
	mysqlTooManyConnections = 1040
	mysqlNoDatabaseForUser  = 1044
	mysqlWrongPassword      = 1045
	mysqlNoDatabase         = 1049
	mysqlShutdown           = 1053
	mysqlLockTimeout        = 1205
	mysqlDeadlock           = 1213
	mysqlRecordChanged      = 1020
	mysqlNoSuchUser         = 1698
)

const mysqlForm = "mysql://USER:PASSWORD@tcp(HOST:3306)/DATABASE"

func mysqlConfig(x External) (*mysql.Config, error) {
	_, source, _ := strings.Cut(x.Endpoint, "://")
	if source == "" {
		return nil, errors.New("expected " + mysqlForm)
	}
	config, err := mysql.ParseDSN(source)
	if err != nil {
		// Not the parser's own words: they may repeat a part of it.
		return nil, errors.New("expected " + mysqlForm + ", with the parentheses")
	}
	if config.DBName == "" {
		config.DBName = defaultDatabase
	}
	if config.TLS, err = (tls.Config{CAFile: x.CAFile, CertFile: x.CertFile, KeyFile: x.KeyFile}).ClientConfig(); err != nil {
		return nil, fmt.Errorf("--datastore-cafile, -certfile, -keyfile: %w", err)
	}
	return config, nil
}

func mysqlSource(x External) (string, error) {
	if _, err := mysqlConfig(x); err != nil {
		return "", err
	}
	_, source, _ := strings.Cut(x.Endpoint, "://")
	return source, nil
}

// connectMySQL leaves it to kine to create the database.
func connectMySQL(ctx context.Context, x External) error {
	config, err := mysqlConfig(x)
	if err != nil {
		return err
	}
	_ = mysql.SetLogger(&mysql.NopLogger{}) // which fails for nil only; kine tells the same
	config.Timeout = connectPatience
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return fmt.Errorf("it cannot be read: %s", withoutSecret(err.Error(), config.Passwd))
	}
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return explainMySQL(err, config)
	}
	return conn.Close()
}

func explainMySQL(err error, config *mysql.Config) error {
	host := "MySQL at " + config.Addr
	var said *mysql.MySQLError
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return fmt.Errorf("%s speaks no TLS: drop --datastore-cafile, -certfile and -keyfile, or set it up there", host)
	case !errors.As(err, &said):
		return explainConnection(err, host)
	}
	switch said.Number {
	case mysqlNoDatabase:
		return nil
	case mysqlWrongPassword, mysqlNoSuchUser:
		return fmt.Errorf("%s lets the user %s not in: correct the password in --datastore-endpoint (%s)",
			host, config.User, said.Message)
	case mysqlNoDatabaseForUser:
		return fmt.Errorf("%s has no database %s that %s may use: create it, and grant all of it to that user (%s)",
			host, config.DBName, config.User, said.Message)
	case mysqlTooManyConnections, mysqlShutdown:
		return away("%s takes no connections now: %s", host, said.Message)
	}
	return fmt.Errorf("%s: %s", host, said.Message)
}

func mysqlAgain(err error) bool {
	var said *mysql.MySQLError
	return errors.As(err, &said) &&
		(said.Number == mysqlDeadlock || said.Number == mysqlLockTimeout || said.Number == mysqlRecordChanged)
}
