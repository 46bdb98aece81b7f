package feeds

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/gp"
	"github.com/kith-care/kith/connect/hl7"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/connect/pgp/pgptest"
	"github.com/kith-care/kith/connect/push"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

func service(t *testing.T, db string) *Service {
	t.Helper()
	desk, err := intake.Open(t.Context(), record.TestOn(t, db))
	if err != nil {
		t.Fatal(err)
	}
	return &Service{Desk: desk, Formats: map[string]*intake.Format{"emis": gp.EMIS()}, Every: 20 * time.Millisecond}
}

const (
	patients = "PatientGuid,OrganisationGuid,DateOfBirth,Surname,GivenName,Sex\n{p1},{o},1950-02-03,Okafor,Ada,F\n"
	broken   = "PatientGuid,OrganisationGuid,DateOfBirth,Surname,GivenName,Sex\n{p2},{o},1950-02-30,Smith,Ben,M\n{p3},{o},1950-31-01,Smith,Cat,F\n"
)

func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 400 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it does not come to pass: %s", what)
}

func run(t *testing.T, s *Service) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

func count(t *testing.T, s *Service, query string) int {
	t.Helper()
	page, err := s.Desk.Door.Find(t.Context(), s.Desk.Who, query)
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Matches)
}

// A folder is watched; what is whole is filed once, what cannot be read is shown with its reason.
func TestAFolderIsWatched(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := service(t, db)
		dir := t.TempDir()
		write := func(name, text string) {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("2026-01-01/291_Admin_Patient_20260101020000_A.csv", patients)
		list := filepath.Join(t.TempDir(), "feeds.json")
		if err := os.WriteFile(list, []byte(`[{"name":"mill-lane","kind":"emis","title":"Mill Lane Surgery","organization":"ZZ001","folder":"`+dir+`"}]`), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Load(t.Context(), s.Desk, list); err != nil {
			t.Fatal(err)
		}
		run(t, s)
		within(t, "the patient is filed", func() bool { return count(t, s, "Patient") == 1 })
		write("2026-01-02/291_Admin_Patient_20260102020000_A.csv", broken)
		who := access.Actor{ID: "Practitioner/manager"}
		within(t, "the broken rows are shown", func() bool {
			faults, err := s.Faults(t.Context(), who, "mill-lane")
			if err != nil {
				t.Fatal(err)
			}
			return len(faults) == 1 && faults[0].Count == 2 && faults[0].Rows[0].Column == "DateOfBirth" && strings.Contains(faults[0].Rows[0].Row, "Smith")
		})
		var all []Status
		within(t, "the file is done", func() bool { // its rows are shown as it is read
			var err error
			if all, err = s.Overview(t.Context(), who); err != nil || len(all) != 1 {
				t.Fatalf("%+v %v", all, err)
			}
			return all[0].Rows.In == 3
		})
		if all[0].Quarantined != 2 || all[0].Last == nil || all[0].Silent {
			t.Errorf("%+v", all)
		}
		diff, err := s.Replay(t.Context(), who, "mill-lane", time.Time{}, time.Now().Add(time.Hour), true)
		if err != nil || diff.Same == 0 || diff.Changed != 0 {
			t.Errorf("replay: %+v %v", diff, err)
		}
		report, err := s.Accept(t.Context(), who, "mill-lane", "291_Admin_Patient_20260103020000_A.csv", func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.Replace(patients, "p1", "p9", 1))), nil
		})
		if err != nil || report.Rows.Filed != 1 {
			t.Errorf("upload: %+v %v", report, err)
		}
	})
}

// An encrypted extract waits in its folder for the key, and is filed when that is there, without anybody doing anything.
func TestAnEncryptedExtractWaitsForItsKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		s := service(t, db)
		k := pgptest.New(t)
		dir := t.TempDir()
		sealed := k.Seal(t, nil, []byte(patients))
		if err := os.MkdirAll(filepath.Join(dir, "in", "2026-01-01"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "in", "2026-01-01", "291_Admin_Patient_20260101020000_A.csv.gpg"), sealed, 0o644); err != nil {
			t.Fatal(err)
		}
		list := filepath.Join(dir, "feeds.json")
		if err := os.WriteFile(list, []byte(`[{"name":"mill-lane","kind":"emis","folder":"in","pgpKey":"own.key","pgpPassphrase":"env:KITH_TEST_SECRET"}]`), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Setenv("KITH_TEST_SECRET", "correct horse")
		if err := Load(t.Context(), s.Desk, list); err != nil {
			t.Fatal(err)
		}
		run(t, s)
		within(t, "the feed says what is wrong", func() bool {
			all, err := s.Overview(t.Context(), access.Actor{ID: "x"})
			return err == nil && strings.HasPrefix(all[0].Doing, "failed: ") && strings.Contains(all[0].Doing, "own.key")
		})
		key, err := os.ReadFile(k.Private(t, "correct horse"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "own.key"), key, 0o600); err != nil {
			t.Fatal(err)
		}
		within(t, "the patient is filed", func() bool { return count(t, s, "Patient") == 1 })
		items, err := s.Desk.Items(t.Context(), "mill-lane", 0, 10)
		if err != nil || len(items) != 2 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		if raw, err := s.Desk.Raw(t.Context(), items[1]); err != nil || string(raw) != string(sealed) {
			t.Errorf("what arrived is not kept as it came: %v", err)
		}
	})
}

func TestSilenceIsAnAlarm(t *testing.T) {
	s := service(t, "sqlite::memory:")
	clock := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return clock }
	s.Desk.Now = s.Now
	if _, err := s.Desk.Feed(t.Context(), intake.Feed{Name: "mill-lane", Kind: "emis", Title: "Mill Lane Surgery"}); err != nil {
		t.Fatal(err)
	}
	send := func(name string) {
		if _, err := s.Accept(t.Context(), access.Actor{ID: "x"}, "mill-lane", name, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(patients)), nil }); err != nil {
			t.Fatal(err)
		}
	}
	check := func(status string, n int) {
		t.Helper()
		if err := s.alarms(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := count(t, s, "Task?status="+status); got != n {
			t.Errorf("%d tasks that are %s, want %d", got, status, n)
		}
	}
	send("291_Admin_Patient_20261120020000_A.csv")
	check("requested", 0)
	clock = clock.Add(37 * time.Hour)
	check("requested", 1)
	check("requested", 1)
	send("291_Admin_Patient_20261121020000_A.csv")
	check("requested", 0)
	check("completed", 1)
}

func TestFeedsThatCannotBe(t *testing.T) {
	s := service(t, "sqlite::memory:")
	for text, says := range map[string]string{
		`{`:                              "not a list of feeds",
		`[{"name":"A B","kind":"emis"}]`: "cannot name a feed",
		`[{"name":"a","kind":"emis","limit":"soon"}]`: "no time such as 36h",
		`[{"name":"a"}]`: "has no kind",
		`[{"name":"a","kind":"emis","colour":"red"}]`: "colour",
	} {
		path := filepath.Join(t.TempDir(), "feeds.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Load(t.Context(), s.Desk, path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A system that pushes is told what became of it, the second time as the first.
func TestWhatIsPushedIsAnswered(t *testing.T) {
	s := service(t, "sqlite::memory:")
	s.Readers = map[string]intake.Reader{push.Kind: push.Resources}
	for _, f := range []intake.Feed{{Name: "partner", Kind: push.Kind, Title: "A partner"}, {Name: "mill-lane", Kind: "emis"}} {
		if _, err := s.Desk.Feed(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(s.Push())
	defer server.Close()
	packed, err := http.NewRequest(http.MethodPost, server.URL+"/partner", strings.NewReader("\x1f\x8b\x08"))
	if err != nil {
		t.Fatal(err)
	}
	packed.Header.Set("Content-Encoding", "gzip") // what is compressed was once quarantined as no FHIR
	if resp, err := http.DefaultClient.Do(packed); err != nil || resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a compressed body: %v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	for range 2 {
		for _, c := range []struct {
			feed, body string
			status     int
			says       string
		}{
			{"partner", `{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"Okafor"}]}`, 200, `"Patient":1`},
			{"partner", `{"resourceType":"Patient",`, 422, `"status":"quarantined"`},
			{"mill-lane", "x", 400, "takes nothing that is pushed"},
			{"nobody", "x", 404, "no feed nobody"},
		} {
			resp, err := http.Post(server.URL+"/"+c.feed, "application/fhir+json", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			said, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != c.status || !strings.Contains(string(said), c.says) {
				t.Errorf("%s: %d %s %v", c.feed, resp.StatusCode, said, err)
			}
		}
	}
	if n := count(t, s, "Patient"); n != 1 {
		t.Errorf("%d patients", n)
	}
}

// A listening feed that is held keeps what comes, and files it when a person lets it go on.
// Only the source of a feed may push to it; whoever tries names learns nothing.
func TestOnlyItsSourcePushes(t *testing.T) {
	s := service(t, "sqlite::memory:")
	s.Readers = map[string]intake.Reader{push.Kind: push.Resources}
	if _, err := s.Desk.Feed(t.Context(), intake.Feed{Name: "partner", Kind: push.Kind, Title: "A partner", Organization: "ZZ9"}); err != nil {
		t.Fatal(err)
	}
	who := access.Actor{}
	var unknown error
	s.Who = func(*http.Request) (access.Actor, error) { return who, unknown }
	server := httptest.NewServer(s.Push())
	defer server.Close()
	brings := &access.Client{ID: "c", Scopes: []access.Scope{{Context: "system", Type: "*", May: "cruds"}}}
	for name, c := range map[string]struct {
		who    access.Actor
		err    error
		feed   string
		status int
	}{
		"nobody":         {access.Actor{}, fhir.Errorf(fhir.Forbidden, "no token"), "partner", 401},
		"a person":       {access.Actor{ID: "Practitioner/x", Role: "operator", Organization: "ZZ9"}, nil, "partner", 401},
		"a reader":       {access.Actor{ID: "Device/x", Role: "system", Organization: "ZZ9", App: &access.Client{Scopes: []access.Scope{{Context: "system", Type: "*", May: "rs"}}}}, nil, "partner", 401},
		"another source": {access.Actor{ID: "Device/x", Role: "system", Organization: "ZZ8", App: brings}, nil, "partner", 401},
		"no such feed":   {access.Actor{ID: "Device/x", Role: "system", Organization: "ZZ9", App: brings}, nil, "nobody", 401},
		"the source":     {access.Actor{ID: "Device/x", Role: "system", Organization: "ZZ9", App: brings}, nil, "partner", 200},
	} {
		who, unknown = c.who, c.err
		resp, err := http.Post(server.URL+"/"+c.feed, "application/fhir+json", strings.NewReader(`{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"Okafor"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

func TestAHeldListenerGoesOn(t *testing.T) {
	s := service(t, "sqlite::memory:")
	if _, err := s.Desk.Feed(t.Context(), intake.Feed{Name: "zz1", Kind: "hl7", Address: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	within(t, "the feed listens", func() bool { return s.Bound("zz1") != nil })
	if err := s.Desk.Hold(t.Context(), "zz1", "wait"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the listener sees that it is held
	c := hl7.Client{Addr: s.Bound("zz1").String()}
	defer c.Close()
	a, err := c.Send(t.Context(), []byte("MSH|^~\\&|PAS|ZZ1|||20260301080000||ADT^A28|1|P|2.4\rEVN|A28|20260301080000\rPID|1||M1^^^ZZ1^MR||Okafor^Ada||19500203|F\rPV1|1|N\r"))
	if err != nil || !a.Accepted() || count(t, s, "Patient") != 0 {
		t.Fatalf("%+v %v", a, err)
	}
	if err := s.Desk.Release(t.Context(), access.Actor{ID: "Practitioner/manager"}, "zz1"); err != nil {
		t.Fatal(err)
	}
	within(t, "the patient is filed", func() bool { return count(t, s, "Patient") == 1 })
	diff, err := s.Replay(t.Context(), access.Actor{ID: "x"}, "zz1", time.Time{}, time.Now().Add(time.Hour), true)
	if err != nil || diff.Changed != 0 || diff.New != 0 {
		t.Errorf("replay: %+v %v", diff, err)
	}
}

// A full extract that is much larger than the one before is told.
func TestAPracticeThatGrowsByATenthIsTold(t *testing.T) {
	s := service(t, "sqlite::memory:")
	if _, err := s.Desk.Feed(t.Context(), intake.Feed{Name: "mill-lane", Kind: "emis", Title: "Mill Lane Surgery"}); err != nil {
		t.Fatal(err)
	}
	full := func(day, n int) {
		var b strings.Builder
		b.WriteString("PatientGuid,OrganisationGuid,DateOfBirth,Surname,GivenName,Sex\n")
		for i := range n {
			fmt.Fprintf(&b, "{p%d},{o},1950-02-03,Okafor,Ada,F\n", i)
		}
		name := fmt.Sprintf("bulk/291_Admin_Patient_202601%02d020000_A.csv", day)
		if _, err := s.Desk.Extract(t.Context(), gp.EMIS(), "mill-lane", name, []intake.Upload{{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(b.String())), nil }}}, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.alarms(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	full(1, 200)
	full(2, 210)
	if n := count(t, s, "Task"); n != 0 {
		t.Fatalf("%d tasks after a twentieth more", n)
	}
	full(3, 250)
	if n := count(t, s, "Task?status=requested&code=urn:kith:task|feed-moved"); n != 1 {
		t.Errorf("%d tasks after a fifth more", n)
	}
}
