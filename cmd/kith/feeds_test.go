package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/connect/hl7"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/connect/match"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/town"
)

// writtenTown writes a made-up town's feeds and truth and answers the folder.
func writtenTown(t testing.TB, people int, density town.Density, feeds ...string) string {
	t.Helper()
	dir := t.TempDir()
	made := town.Town{Seed: 5, People: people}
	if _, err := made.Write(context.Background(), dir, town.Writing{Density: density, Days: 5, Feeds: feeds}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// opened is a record for made-up people with a desk.
func opened(t testing.TB, db string) (*record.Door, *intake.Desk) {
	t.Helper()
	door, err := record.Open(context.Background(), record.Options{DB: db, Policy: access.Everyone{}, TestNumbers: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	desk, err := intake.Open(context.Background(), door)
	if err != nil {
		t.Fatal(err)
	}
	return door, desk
}

// kindOf is the kind of the feed whose folder town calls name.
func kindOf(name string) string {
	for _, f := range demoFeeds {
		if f.Name == name {
			return f.Kind
		}
	}
	kind, _, _ := strings.Cut(name, "-")
	return kind
}

// takeIn makes a feed known and files drops of its folder in the order given; nil for all as they came.
func takeIn(t testing.TB, desk *intake.Desk, name, dir string, order func([]intake.Drop)) {
	t.Helper()
	ctx := context.Background()
	f := intake.Feed{Name: name, Kind: kindOf(name), Title: name, Organization: strings.ToUpper(name[strings.IndexByte(name, '-')+1:])}
	for _, known := range demoFeeds {
		if known.Name == name {
			f = known
		}
	}
	if _, err := desk.Feed(ctx, f); err != nil {
		t.Fatal(err)
	}
	format := formats()[f.Kind]
	drops, err := intake.Drops(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if order != nil {
		order(drops)
	}
	for _, d := range drops {
		report, err := desk.Extract(ctx, format, name, d.Name, d.Files, nil)
		if err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		for report.Held != "" { // a delta out of order is missed, and somebody says to go on
			if err := desk.Release(ctx, access.Actor{ID: "Practitioner/manager"}, name); err != nil {
				t.Fatal(err)
			}
			report = &intake.Report{Types: map[string]int{}}
			if err := desk.Resume(ctx, format, name, report, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// linked lets the linker settle who is who.
func linked(t testing.TB, door *record.Door) {
	t.Helper()
	linker, err := match.NewLinker(door, match.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { linker.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if behind, err := linker.BehindBy(ctx); err == nil && behind == 0 {
			return
		}
	}
	t.Fatal("the linker does not come to an end")
}

// The town's truth against the record after its feeds, written from the catalogue by different hands: every coded fact is there once, of
// the right person, on the right date, from the right source.
func TestTheRecordHoldsTheTruth(t *testing.T) {
	dir := writtenTown(t, 260, town.Tenth)
	storetest.Each(t, func(t *testing.T, db string) {
		door, desk := opened(t, db)
		for _, name := range feedNames {
			takeFeed(t, desk, name, dir)
		}
		linked(t, door)
		s := &score{door: door, show: 5, feeds: map[string]*feedScore{}, faults: map[string][]string{}}
		if err := s.run(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		s.print(&out)
		t.Log("\n" + out.String())
		for _, name := range feedNames {
			f := s.feeds[name]
			if f == nil || f.facts == 0 {
				t.Errorf("the truth says nothing of %s", name)
			} else if f.right != f.facts || f.stillThere > 0 {
				t.Errorf("%s: %d of %d facts are right, %d that were taken back are still there", name, f.right, f.facts, f.stillThere)
			}
		}
		if s.linked.wrong > 0 || s.linked.missed*50 > s.linked.pairs {
			t.Errorf("of %d pairs %d are missed, %d are linked wrongly", s.linked.pairs, s.linked.missed, s.linked.wrong)
		}
	})
}

// feedNames are the feeds that are held against the truth.
var feedNames = []string{"emis-zz001", "emis-zz002", "tpp-zz003", "vision-zz004", "gpconnect-zz005", "council-zzc", "homecare-zzhc", "outofhours-adastra", "community-zzct", "devices", "pharmacy-zzph1", "optician-zzop1"}

// takeFeed files all of a feed, whatever its kind.
func takeFeed(t testing.TB, desk *intake.Desk, name, dir string) {
	t.Helper()
	kind := kindOf(name)
	if formats()[kind] != nil {
		takeIn(t, desk, name, dir, nil)
		return
	}
	read := readers()[kind]
	if read == nil {
		t.Fatalf("nothing reads feeds of kind %s", kind)
	}
	f := intake.Feed{Name: name, Kind: kind, Title: name, Organization: strings.ToUpper(name[strings.IndexByte(name, '-')+1:])}
	if _, err := desk.Feed(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	drops, err := intake.Drops(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range drops {
		for _, u := range d.Files {
			in, err := u.Open()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(in)
			in.Close()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := desk.Receive(context.Background(), name, u.Name, raw, read); err != nil {
				t.Errorf("%s: %v", u.Name, err)
			}
		}
	}
}

// storeHash is SHA-256 over the current resources: canonical but for what the record itself adds. Ids are made from the sources' keys, so
// that references by id are references by identifier.
func storeHash(t testing.TB, door *record.Door) string {
	t.Helper()
	who := access.Actor{ID: "test", Role: "test"}
	var all []string
	for _, typ := range []string{"Organization", "Location", "Practitioner", "PractitionerRole", "Schedule", "Slot", "Patient", "EpisodeOfCare", "RelatedPerson", "Appointment", "Encounter", "Observation", "DiagnosticReport",
		"Condition", "Procedure", "AllergyIntolerance", "Immunization", "FamilyMemberHistory", "ServiceRequest", "Specimen", "MedicationRequest", "MedicationStatement", "Flag", "Provenance"} {
		for m, err := range door.All(t.Context(), who, typ) {
			if err != nil {
				t.Fatal(err)
			}
			res, err := m.Resource()
			if err != nil {
				t.Fatal(err)
			}
			meta := res.Root().Get("meta")
			all = append(all, strings.Replace(string(res.Bytes()), string(meta.Raw()), `"`+meta.Get("source").Text()+`"`, 1))
		}
	}
	sort.Strings(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return fmt.Sprintf("%d resources %s", len(all), hex.EncodeToString(sum[:]))
}

// Deltas and a full extract in any order, twice, end in the same record.
func TestExtractsInShuffledOrdersGiveOneStoreHash(t *testing.T) {
	dir := writtenTown(t, 120, town.Tenth, "emis-zz001", "tpp-zz003", "vision-zz004")
	storetest.Each(t, func(t *testing.T, db string) {
		for _, name := range []string{"emis-zz001", "tpp-zz003", "vision-zz004"} {
			t.Run(name, func(t *testing.T) {
				door, desk := opened(t, "sqlite::memory:")
				takeIn(t, desk, name, dir, nil)
				want := storeHash(t, door)
				t.Log(name, want)
				rounds := 4
				if !strings.HasPrefix(db, "sqlite") {
					rounds = 1
				}
				for seed := range uint64(rounds) {
					use := "sqlite::memory:"
					if !strings.HasPrefix(db, "sqlite") {
						use = storetest.Postgres(t)
					}
					door, desk := opened(t, use)
					shuffle := func(drops []intake.Drop) {
						rand.New(rand.NewPCG(seed, 3)).Shuffle(len(drops), func(i, j int) { drops[i], drops[j] = drops[j], drops[i] })
					}
					takeIn(t, desk, name, dir, shuffle)
					if got := storeHash(t, door); got != want {
						t.Errorf("shuffled by %d: %s, want %s", seed, got, want)
					}
				}
			})
		}
	})
}

// kill -9 in the middle of a feed loses nothing and files nothing twice.
func TestKilledInMidFeed(t *testing.T) {
	dir := writtenTown(t, 500, town.Tenth, "emis-zz001")
	bin := filepath.Join(t.TempDir(), "kith")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	storetest.Each(t, func(t *testing.T, db string) {
		door, desk := opened(t, "sqlite::memory:")
		takeIn(t, desk, "emis-zz001", dir, nil)
		want := storeHash(t, door)
		kills := 0
		for wait := 150 * time.Millisecond; ; wait += 150 * time.Millisecond {
			cmd := exec.Command(bin, "extract", "--db", db, "--test-numbers", "--feed", "emis-zz001", "--kind", "emis", "--organisation", "ZZ001", filepath.Join(dir, "emis-zz001"))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case <-ended:
			case <-time.After(wait):
				cmd.Process.Kill()
				<-ended
				kills++
				continue
			}
			break
		}
		again, _ := opened(t, db)
		if got := storeHash(t, again); got != want {
			t.Errorf("killed %d times: %s, want %s", kills, got, want)
		}
		page, err := again.Find(t.Context(), access.Actor{ID: "test"}, "Observation?_count=1000")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Matches {
			if m.Version > 3 {
				t.Errorf("%s was written %d times", m.Ref(), m.Version)
			}
		}
		if kills < 2 {
			t.Errorf("it was killed %d times only", kills)
		}
		t.Logf("killed %d times: %s", kills, want)
	})
}

// The hospital's messages come over MLLP and are found.
func TestTheHospitalSpeaks(t *testing.T) {
	dir := writtenTown(t, 400, town.Tenth, "hospital-zz1")
	door, desk := opened(t, storetest.SQLite(t))
	if _, err := desk.Feed(t.Context(), intake.Feed{Name: "hospital-zz1", Kind: "hl7", Organization: "ZZ1"}); err != nil {
		t.Fatal(err)
	}
	f, err := hl7.Open(desk, "hospital-zz1")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go f.Serve(ctx, ln, nil, nil)
	raw, err := os.ReadFile(filepath.Join(dir, "hospital-zz1", "messages.hl7"))
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := hl7.Split(raw)
	if err != nil {
		t.Fatal(err)
	}
	client := hl7.Client{Addr: ln.Addr().String()}
	defer client.Close()
	refused := map[string]int{}
	for _, p := range pieces {
		a, err := client.Send(ctx, p.Data)
		if err != nil {
			t.Fatal(err)
		}
		if !a.Accepted() {
			refused[a.Code+" "+a.Text]++
		}
	}
	t.Logf("%d messages, refused: %v", len(pieces), refused)
	s := &score{door: door, show: 5, feeds: map[string]*feedScore{}, faults: map[string][]string{}}
	if err := s.run(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s.print(&out)
	t.Log("\n" + out.String())
	h := s.feeds["hospital-zz1"]
	if h == nil || h.right != h.facts || h.stillThere > 0 {
		t.Errorf("%+v", h)
	}
	theWaits(t, door, pieces, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
}
