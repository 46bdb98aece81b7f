package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kith-care/kith/conformance/need"
)

// smallDisk is a file system of its own with so many megabytes. Where none can be mounted the test is skipped, and what it
// would show of SQLite stands in store/sqlite on its own; where nothing may be skipped that is a failure.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "kith-disk-") // PostgreSQL, which is another user, must get there
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		need.Skip(t, "a small disk is a tmpfs, which only Linux has")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=755", megabytes)); err != nil {
		os.Remove(dir)
		need.Skip(t, fmt.Sprintf("a small disk cannot be mounted (%v): run as root, with the right to mount", err))
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
		os.Remove(dir)
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// grow is what an operator does about a full disk.
func grow(t *testing.T, dir string, megabytes int) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Fatal(err)
	}
}

// fillUp creates Patients until one is refused, and answers those that were stored and the refusal.
func fillUp(t *testing.T, s *server, round int) (stored []string, refusal reply) {
	t.Helper()
	for i := range 4000 {
		b := `{"resourceType":"Bundle","type":"transaction","entry":[`
		ids := make([]string, 40)
		for j := range ids {
			ids[j] = fmt.Sprintf("p-%d-%d-%d", round, i, j)
			if j > 0 {
				b += ","
			}
			b += fmt.Sprintf(`{"resource":{"resourceType":"Patient","id":"%s","identifier":[{"system":"%s","value":"%s"}],"name":[{"family":"%x"}]},"request":{"method":"PUT","url":"Patient/%s"}}`, ids[j], system, ids[j], noise(i, j), ids[j])
		}
		r := s.do("POST", "/fhir", b+"]}")
		if r.status != 200 {
			return stored, r
		}
		stored = append(stored, ids...)
	}
	t.Fatal("the disk never was full")
	return nil, reply{}
}

// noise is text that does not compress.
func noise(i, j int) []byte {
	b := make([]byte, 200)
	x := uint64(i*1000+j)*0x9E3779B97F4A7C15 + 1
	for n := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[n] = byte(x)
	}
	return b
}

// there checks that everything stored can still be read, and that what was refused is not there by half.
func there(t *testing.T, s *server, stored []string) {
	t.Helper()
	for i := 0; i < len(stored); i += max(1, len(stored)/150) {
		if r := s.do("GET", "/fhir/Patient/"+stored[i], ""); r.status != 200 {
			t.Fatalf("reading %s on a full disk: %v", stored[i], r)
		}
	}
	if n := s.total("/fhir/Patient?_summary=count"); n != len(stored) {
		t.Errorf("%d Patients are counted, %d were stored", n, len(stored))
	}
	if r := s.do("GET", "/fhir/Patient?identifier="+system+"|"+stored[len(stored)-1], ""); r.status != 200 || !strings.Contains(string(r.body), stored[len(stored)-1]) {
		t.Errorf("searching on a full disk: %v", r)
	}
}

func TestDiskFullSQLite(t *testing.T) {
	disk := smallDisk(t, 32)
	db := "sqlite:" + filepath.Join(disk, "kith.db")
	s := serve(t, db)
	stored, refusal := fillUp(t, s, 0)
	refusal.refusal(t, 507, "disk")
	if code := refusal.decode(t).Issue[0].Code; code != "no-store" {
		t.Errorf("the issue is %q, want no-store", code)
	}
	t.Logf("%d Patients were stored before the refusal: %s", len(stored), refusal.decode(t).Issue[0].Diagnostics)
	s.do("POST", "/fhir/Patient", `{"resourceType":"Patient"}`).refusal(t, 507, "disk")
	there(t, s, stored)

	// Somebody else takes what was kept free. Nothing may then be shown without its audit entry; what is answered is a
	// resource or a clear refusal, never anything else.
	ballast := filepath.Join(disk, "ballast")
	takeAll(t, ballast)
	shown, refused := 0, 0
	for i := 0; i < len(stored); i += max(1, len(stored)/300) {
		switch r := s.do("GET", "/fhir/Patient/"+stored[i], ""); r.status {
		case 200:
			shown++
		default:
			r.refusal(t, 507, "disk")
			refused++
		}
	}
	s.do("POST", "/fhir/Patient", `{"resourceType":"Patient"}`).refusal(t, 507, "disk")
	t.Logf("with not a byte left %d reads were answered and %d refused", shown, refused)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "reading goes on", func() bool { return s.do("GET", "/fhir/Patient/"+stored[0], "").status == 200 })
	there(t, s, stored)
	grow(t, disk, 64)
	more, refusal := fillUp(t, s, 1)
	refusal.refusal(t, 507, "disk")
	if len(more) < 100 {
		t.Errorf("only %d more were stored on twice the disk", len(more))
	}
	there(t, s, append(stored, more...))
	s.stop()
	// The file is opened again on the full disk, since reading must be possible there too.
	again := serve(t, db)
	there(t, again, append(stored, more...))
	again.stop()
	grow(t, disk, 128)
	sound(t, db)
}

// An import onto a disk that is too small stops and says why; what it stored before is whole, and the import can be done
// again on a larger one.
func TestImportOntoFullDisk(t *testing.T) {
	disk := smallDisk(t, 32)
	db := "sqlite:" + filepath.Join(disk, "kith.db")
	file := filepath.Join(t.TempDir(), "patients.ndjson")
	var b strings.Builder
	for i := range 30000 {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"p%d","name":[{"family":"%x"}]}`+"\n", i, noise(i, 0))
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := kith(t, "import", "--db", db, "--idempotent", file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the disk of the database is full") {
		t.Fatalf("kith import: %v: %.2000s", err, out)
	}
	grow(t, disk, 512)
	if out, err := kith(t, "import", "--db", db, "--idempotent", file).CombinedOutput(); err != nil {
		t.Fatalf("kith import again: %v: %.2000s", err, out)
	}
	s := serve(t, db)
	if n := s.total("/fhir/Patient?_summary=count"); n != 30000 {
		t.Errorf("%d Patients are there, want 30000", n)
	}
	s.stop()
	sound(t, db)
}

// takeAll writes until no byte is free.
func takeAll(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 4
		}
	}
}

func TestDiskFullPostgres(t *testing.T) {
	disk := smallDisk(t, 40)
	c := newCluster(t, "")
	space := filepath.Join(disk, "space")
	if err := os.Mkdir(space, 0o700); err != nil {
		t.Fatal(err)
	}
	if c.as != nil {
		if err := os.Chown(space, int(c.as.Uid), int(c.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	c.sql("CREATE TABLESPACE small LOCATION '" + space + "'")
	c.sql("CREATE DATABASE kith TABLESPACE small")
	db := strings.Replace(c.url, "/postgres?", "/kith?", 1)
	s := serve(t, db)
	c.must("psql", "-U", "kith", "-h", c.dir, "-d", "kith", "-v", "ON_ERROR_STOP=1", "-c", "ALTER TABLE audit SET TABLESPACE pg_default", "-c", "ALTER INDEX audit_pkey SET TABLESPACE pg_default")
	stored, refusal := fillUp(t, s, 0)
	refusal.refusal(t, 507, "disk")
	if code := refusal.decode(t).Issue[0].Code; code != "no-store" {
		t.Errorf("the issue is %q, want no-store", code)
	}
	t.Logf("%d Patients were stored before the refusal: %s", len(stored), refusal.decode(t).Issue[0].Diagnostics)
	there(t, s, stored)
	grow(t, disk, 64)
	more, refusal := fillUp(t, s, 1)
	refusal.refusal(t, 507, "disk")
	if len(more) < 100 {
		t.Errorf("only %d more were stored on a larger disk", len(more))
	}
	there(t, s, append(stored, more...))
	s.stop()
	grow(t, disk, 96)
	sound(t, db)
}

// Where PostgreSQL's own log is on the full disk, the whole server goes down. Kith refuses until it is back.
func TestDiskFullUnderPostgresLog(t *testing.T) {
	disk := smallDisk(t, 120)
	c := newCluster(t, filepath.Join(mkdir(t, disk, "c")), "max_wal_size = 2000MB", "checkpoint_timeout = 1h")
	s := serve(t, c.url)
	r := s.do("PUT", "/fhir/Patient/first", `{"resourceType":"Patient","id":"first"}`)
	if r.status != 201 {
		t.Fatal(r)
	}
	stored, refusal := fillUp(t, s, 0)
	if refusal.status != 503 && refusal.status != 507 {
		t.Errorf("want 503 or 507: %v", refusal)
	}
	t.Logf("%d Patients were stored before the refusal: %d %s", len(stored), refusal.status, refusal.decode(t).Issue[0].Diagnostics)
	grow(t, disk, 400)
	if out, err := c.command("pg_ctl", "status", "-D", c.data()).CombinedOutput(); err != nil {
		t.Logf("PostgreSQL went down: %s", out)
		c.start()
	}
	within(t, 30*time.Second, "reading goes on", func() bool { return s.do("GET", "/fhir/Patient/first", "").status == 200 })
	within(t, 30*time.Second, "writing goes on", func() bool {
		return s.do("PUT", "/fhir/Patient/last", `{"resourceType":"Patient","id":"last"}`).status == 201
	})
	for i := 0; i < len(stored); i += max(1, len(stored)/150) {
		if r := s.do("GET", "/fhir/Patient/"+stored[i], ""); r.status != 200 {
			t.Fatalf("%s was answered and is not there: %v", stored[i], r)
		}
	}
	s.stop()
	sound(t, c.url)
}

func mkdir(t *testing.T, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
