package datastore

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"
)

// password is one whose characters have a meaning in URLs.
const password = "pa:ss/w@rd"

// A testServer is a database server of the host's, with a directory and a port of its own, and a user k3s.
type testServer struct {
	t    *testing.T
	argv []string
	port int
	as   *syscall.Credential
	cmd  *exec.Cmd
	ca   string // file with the authority of its certificate
	log  bytes.Buffer
	// endpoint names a database; user and password are as the URL has them.
	endpoint func(database, password string) string
}

// testServers are the kinds of databases, by the test's name.
var testServers = map[string]func(*testing.T) *testServer{"PostgreSQL": newPostgres, "MariaDB": newMariaDB}

// program finds one of a database server, which Debian does not put into everyone's path.
func program(t *testing.T, name string) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.Sort(found)
	for _, f := range append(found, "/usr/sbin/"+name, "/usr/bin/"+name) {
		if _, err := os.Stat(f); err == nil {
			return f
		}
	}
	t.Skipf("there is no %s on this host: install Debian's postgresql and mariadb-server", name)
	return ""
}

func newPostgres(t *testing.T) *testServer {
	initdb, postgres := program(t, "initdb"), program(t, "postgres")
	s := &testServer{t: t, port: freePort(t)}
	dir := s.directory()
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	s.run(initdb, "--pgdata="+data, "--username=k3s", "--auth=scram-sha-256", "--pwfile="+secret, "--no-sync")
	var key string
	s.ca, key = s.certificate(dir)
	s.argv = []string{postgres, "-D", data, "-p", fmt.Sprint(s.port), "-k", dir, "-c", "listen_addresses=127.0.0.1",
		"-c", "ssl=on", "-c", "ssl_cert_file=" + s.ca, "-c", "ssl_key_file=" + key}
	s.endpoint = func(database, password string) string {
		password = strings.NewReplacer(":", "%3A", "/", "%2F", "@", "%40").Replace(password)
		return fmt.Sprintf("postgres://k3s:%s@127.0.0.1:%d/%s", password, s.port, database)
	}
	s.start()
	return s
}

func newMariaDB(t *testing.T) *testServer {
	install, mariadbd := program(t, "mariadb-install-db"), program(t, "mariadbd")
	s := &testServer{t: t, port: freePort(t)}
	dir := s.directory()
	first := filepath.Join(dir, "first.sql")
	grant := "GRANT ALL ON *.* TO 'k3s'@'127.0.0.1' IDENTIFIED BY '" + password + "';\n"
	if err := os.WriteFile(first, []byte(grant), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	s.run(install, "--no-defaults", "--datadir="+data, "--skip-test-db", "--auth-root-authentication-method=normal")
	var key string
	s.ca, key = s.certificate(dir)
	s.argv = []string{mariadbd, "--no-defaults", "--ssl-cert=" + s.ca, "--ssl-key=" + key, "--datadir=" + data, "--port=" + fmt.Sprint(s.port), "--bind-address=127.0.0.1",
		"--socket=" + filepath.Join(dir, "socket"), "--init-file=" + first, "--skip-name-resolve"}
	s.endpoint = func(database, password string) string {
		return fmt.Sprintf("mysql://k3s:%s@tcp(127.0.0.1:%d)/%s", password, s.port, database)
	}
	s.start()
	return s
}

// directory is one that the servers' own user may write: they refuse to run as root.
func (s *testServer) directory() string {
	dir, err := os.MkdirTemp("", "db")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		const nobody = 65534
		s.as = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			s.t.Fatal(err)
		}
	}
	return dir
}

// certificate makes one for 127.0.0.1, followed by its authority in the same file, and its key.
func (s *testServer) certificate(dir string) (file, key string) {
	s.t.Helper()
	certPEM, keyPEM, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	file, key = filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	for name, text := range map[string][]byte{file: certPEM, key: keyPEM} {
		err = errors.Join(err, os.WriteFile(name, text, 0o600))
		if s.as != nil {
			err = errors.Join(err, os.Chown(name, int(s.as.Uid), int(s.as.Gid)))
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return file, key
}

func (s *testServer) command(argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (s *testServer) run(argv ...string) {
	s.t.Helper()
	if out, err := s.command(argv...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", argv[0], err, out)
	}
}

// start returns when the port is open.
func (s *testServer) start() {
	s.t.Helper()
	s.cmd = s.command(s.argv...)
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.stop)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			s.stop()
			s.t.Fatalf("%s does not listen:\n%s", s.argv[0], s.log.String())
		}
	}
}

// stop is the end without notice.
func (s *testServer) stop() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // PostgreSQL's others end with it
		if !strings.HasSuffix(s.argv[0], "postgres") {
			_ = s.cmd.Process.Kill()
		}
		_ = s.cmd.Wait()
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
