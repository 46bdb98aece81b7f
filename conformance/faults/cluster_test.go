package faults

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kith-care/kith/conformance/need"
)

// cluster is a PostgreSQL server of the test's own, which it may stop and break.
type cluster struct {
	t        testing.TB
	bin, dir string
	as       *syscall.Credential // initdb and postgres refuse to run as root
	url      string
}

// newCluster makes a server whose data stand in a folder of their own under dir (a temporary one where dir is "").
// Settings are lines of postgresql.conf.
func newCluster(t testing.TB, dir string, settings ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, bin: os.Getenv("KITH_POSTGRES_BIN"), dir: dir}
	if c.bin == "" {
		out, err := exec.Command("../../scripts/postgres", "--where").Output()
		if c.bin = strings.TrimSpace(string(out)); err != nil || c.bin == "" {
			need.Skip(t, "PostgreSQL's own programs are not installed (KITH_POSTGRES_BIN)")
		}
	}
	if dir == "" {
		made, err := os.MkdirTemp("/tmp", "kith-cluster-") // short: the path of a socket has at most 107 bytes
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(made) })
		c.dir = made
	}
	if os.Getuid() == 0 {
		c.as = postgresUser(t)
		for _, p := range []string{c.dir, filepath.Dir(c.dir)} {
			if err := os.Chmod(p, 0o755); p == c.dir && err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(c.dir, int(c.as.Uid), int(c.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	c.must("initdb", "-D", c.data(), "-U", "kith", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--wal-segsize=1")
	conf := fmt.Sprintf("listen_addresses = ''\nunix_socket_directories = '%s'\nmax_connections = 100\nshared_buffers = 32MB\nmin_wal_size = 2MB\n%s\n", c.dir, strings.Join(settings, "\n"))
	f, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(conf); err != nil {
		t.Fatal(err)
	}
	c.url = "postgres://kith@/postgres?host=" + c.dir
	t.Cleanup(func() { c.command("pg_ctl", "stop", "-D", c.data(), "-m", "immediate", "-s").Run() }) // it may be down already
	c.start()
	return c
}

func postgresUser(t testing.TB) *syscall.Credential {
	u, err := user.Lookup("postgres")
	if err != nil {
		need.Skip(t, "there is no user postgres to run PostgreSQL as")
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = "/"
	if c.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	}
	return cmd
}

func (c *cluster) must(name string, args ...string) string {
	c.t.Helper()
	cmd := c.command(name, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		c.t.Fatalf("%s %v: %v: %s\n%s", name, args, err, out.String(), log)
	}
	return out.String()
}

func (c *cluster) start() {
	c.t.Helper()
	c.must("pg_ctl", "start", "-D", c.data(), "-l", filepath.Join(c.dir, "log"), "-w", "-s", "-t", "60")
}

// stop breaks every connection off, as a machine that goes down does.
func (c *cluster) stop() {
	c.t.Helper()
	c.must("pg_ctl", "stop", "-D", c.data(), "-m", "immediate", "-w", "-s")
}

func (c *cluster) sql(statement string) string {
	c.t.Helper()
	return strings.TrimSpace(c.must("psql", "-U", "kith", "-h", c.dir, "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-Atc", statement))
}
