package match

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func quiet(_, _ int64) {}

func dataFile(t testing.TB, name string) *os.File {
	root := os.Getenv("KITH_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(root, "record-linkage", name))
	if err != nil {
		if os.Getenv("KITH_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skipf("%v: real linkage files were not matched", err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// Two files people have published to try linkage on, with the same defaults and nothing tuned to either.
func TestPublishedFilesAreMatched(t *testing.T) {
	for _, c := range []struct {
		file, columns, truth string
		wrong                int
		recall               float64
	}{
		{"febrl1/dataset1.csv", "id=rec_id,forename=given_name,surname=surname,dob=date_of_birth,postcode=postcode,address=street_number+address_1+address_2,town=suburb", "", 1, .995},
		{"febrl1/dataset1.csv", "id=rec_id,forename=given_name,surname=surname,dob=date_of_birth,postcode=postcode,address=address_1,town=suburb", "", 1, .99},
		{"febrl1/dataset1.csv", "id=rec_id,forename=given_name,surname=surname,dob=date_of_birth,postcode=postcode", "", 1, .97},
		{"fake_1000/fake_1000.csv", "id=unique_id,forename=first_name,surname=surname,dob=dob,town=city,email=email", "cluster", 2, .78},
	} {
		columns, err := ParseMap(c.columns)
		if err != nil {
			t.Fatal(err)
		}
		people, truth, err := ReadCSV(dataFile(t, c.file), c.file, columns, c.truth)
		if err != nil {
			t.Fatal(err)
		}
		if truth == nil { // FEBRL tells by the id: rec-223-org, rec-223-dup-0
			truth = map[string]string{}
			for _, p := range people {
				truth[p.ID] = strings.Split(p.ID, "-")[1]
			}
		}
		r, err := New(people, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Check(r.Run(r.Learn(quiet), false, quiet), truth, nil)
		t.Logf("%s: %d right, %d wrong, %d missed: precision %.4f, recall %.4f, F1 %.4f", c.file, got.Right, got.Wrong, got.Missed, got.Precision(), got.Recall(), got.F1())
		if got.Wrong > c.wrong || got.Recall() < c.recall {
			t.Errorf("%s: at most %d wrong and recall %.3f are asked for", c.columns, c.wrong, c.recall)
		}
	}
}

// The figures the patient index must reach between two systems of one place, on people who have families, twins and namesakes.
func TestTwoSystemsOfOnePlace(t *testing.T) {
	n := 20_000
	if os.Getenv("KITH_REQUIRE") == "all" {
		n = 100_000
	}
	g := newRegister(11).fill(n)
	b, truth := g.other(.9)
	r, err := New(g.people, b, false)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	got := r.Check(r.Run(r.Learn(quiet), false, quiet), g.who, truth)
	wrong, missed := float64(got.Wrong)/float64(len(b))*100, float64(got.Missed)/float64(len(b))*100
	t.Logf("%d against %d rows in %.1f s: %d right, %d wrong (%.3f %%), %d missed (%.3f %%)", len(g.people), len(b), time.Since(start).Seconds(), got.Right, got.Wrong, wrong, got.Missed, missed)
	if wrong > .02 {
		t.Errorf("%.3f %% wrong, at most 0.02 %% are allowed", wrong)
	}
	if missed > .3 {
		t.Errorf("%.3f %% missed, at most 0.3 %% are allowed", missed)
	}
}

func person(id string, fields ...string) Person {
	p := Person{ID: id}
	for i := 0; i < len(fields); i += 2 {
		f, ok := FieldNamed(fields[i])
		if !ok {
			panic(fields[i])
		}
		p.Values[f] = fields[i+1]
	}
	return p
}

// A number typed at the wrong desk must not join two people, however alike the rest of the file is.
func TestNHSNumberWithClashingBirthIsAQuestion(t *testing.T) {
	g := newRegister(3).fill(500)
	a := append(slices.Clone(g.people), person("x", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03"))
	for _, c := range []struct {
		name  string
		other Person
		want  Decision
	}{
		{"number and birth", person("y", "nhs", "943 476 5919", "forename", "Eve", "surname", "Grey", "dob", "03/02/1950"), One},
		{"number, born otherwise", person("y", "nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30"), Ask},
		{"number and names, born otherwise", person("y", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1988-11-30"), Ask},
		{"number with a wrong check digit", person("y", "nhs", "9434765918", "forename", "Eve", "surname", "Grey", "dob", "1950-02-03"), Apart},
	} {
		r, err := New(a, []Person{c.other}, false)
		if err != nil {
			t.Fatal(err)
		}
		got := Apart
		for _, p := range r.Run(Default(), false, quiet) {
			if r.ID(p.A) == "x" {
				got = p.Decision
			}
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTwinsAndFathersAreNotTheirTwinsAndSons(t *testing.T) {
	g := newRegister(4).fill(3000)
	home := []string{"address", "4 Orchard Close", "postcode", "ZZ1 4AB", "town", "Merrowby", "phone", "01632 960111"}
	at := func(id string, f ...string) Person { return person(id, append(f, home...)...) }
	people := append(slices.Clone(g.people),
		at("twin1", "forename", "Ella", "surname", "Penwick", "dob", "2019-05-06", "sex", "F"),
		at("twin2", "forename", "Maud", "surname", "Penwick", "dob", "2019-05-06", "sex", "F"),
		at("father", "forename", "Edgar", "surname", "Penwick", "dob", "1975-02-01", "sex", "M"),
		at("son", "forename", "Edgar", "surname", "Penwick", "dob", "2004-11-17", "sex", "M"),
		at("baby1", "forename", "Baby", "surname", "Larkin", "dob", "2024-05-06"),
		at("baby2", "forename", "Baby", "surname", "Larkin", "dob", "2024-05-06"))
	again, _ := g.other(.2)
	r, err := New(append(people, again...), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Run(r.Learn(quiet), false, quiet) {
		pair := r.ID(p.A) + "=" + r.ID(p.B)
		if p.Decision == One && slices.Contains([]string{"twin1=twin2", "father=son", "baby1=baby2"}, pair) {
			parts, _ := r.Explain(Default(), p.A, p.B)
			t.Errorf("%s was linked: %v", pair, parts)
		}
	}
}

// Two people of one name and birth date, and a row without a number that is like both: it must not join them.
func TestTwoNumbersAreNotJoinedThroughAThirdRow(t *testing.T) {
	g := newRegister(12).fill(2000)
	again, _ := g.other(.2)
	people := append(append(slices.Clone(g.people), again...),
		person("jean1", "nhs", "4000745212", "forename", "Jean", "surname", "Tallowby", "dob", "1959-03-09", "sex", "F", "postcode", "ZZ3 1OR"),
		person("jean2", "nhs", "9434765919", "forename", "Jean", "surname", "Tallowby", "dob", "1959-03-09", "sex", "F", "postcode", "ZZ11 9LS"),
		person("jean3", "forename", "Jean", "surname", "Tallowby", "dob", "1959-03-09", "sex", "F", "postcode", "ZZ11 9LS"))
	r, err := New(people, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Decision{}
	for _, p := range r.Run(r.Learn(quiet), true, quiet) {
		got[r.ID(p.A)+"="+r.ID(p.B)] = p.Decision
	}
	if got["jean1=jean2"] == One || got["jean1=jean3"] == One || got["jean2=jean3"] != One {
		t.Errorf("the two of different numbers: %v, the stranger: %v, the same address: %v", got["jean1=jean2"], got["jean1=jean3"], got["jean2=jean3"])
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	g := newRegister(5).fill(1500)
	b, _ := g.other(.5)
	all := append(slices.Clone(g.people), b...)
	links := func(people []Person) (*Settings, map[string]float32) {
		r, err := New(people, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		s := r.Learn(quiet)
		out := map[string]float32{}
		for _, p := range r.Run(s, true, quiet) {
			out[r.ID(p.A)+" "+r.ID(p.B)+" "+p.Decision.String()] = p.Weight
		}
		return s, out
	}
	settings, want := links(all)
	mixed := slices.Clone(all)
	rand.New(rand.NewPCG(9, 9)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	again, got := links(mixed)
	if len(want) < 500 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d pairs in one order, %d in another, or with other weights", len(want), len(got))
	}
	if !reflect.DeepEqual(settings, again) {
		t.Error("another order of rows taught other settings")
	}
}

func TestWeightIsSymmetricAndItsPartsAddUp(t *testing.T) {
	g := newRegister(6).fill(800)
	b, _ := g.other(1)
	r, err := New(append(slices.Clone(g.people), b...), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Learn(quiet)
	dice := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		x, y := uint32(dice.IntN(r.Len())), uint32(dice.IntN(r.Len()))
		parts, w := r.Explain(s, x, y)
		_, back := r.Explain(s, y, x)
		if w != back {
			t.Fatalf("%s with %s weighs %f, the other way round %f", r.ID(x), r.ID(y), w, back)
		}
		sum := 0.0
		for _, p := range parts {
			sum += p.Bits
		}
		if math.Abs(sum-w) > 1e-6 {
			t.Fatalf("%v add up to %f, not %f", parts, sum, w)
		}
	}
}

func TestMoreAgreementNeverLowersTheWeight(t *testing.T) {
	g := newRegister(7).fill(800)
	b, _ := g.other(1)
	r, err := New(append(slices.Clone(g.people), b...), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	m := r.Learn(quiet).model(r)
	dice := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		var x agreement
		for f := range fieldCount {
			x.levels[f] = uint8(1 + dice.IntN(int(same(f))))
			x.rare[f] = uint8(dice.IntN(150))
		}
		f := Field(dice.IntN(int(fieldCount)))
		y := x
		if y.levels[f] < same(f) {
			y.levels[f]++
		}
		if was, is := m.weight(&x), m.weight(&y); is < was-1e-9 {
			t.Fatalf("%s from %s to %s lowers the weight from %f to %f", f, LevelName(f, x.levels[f]), LevelName(f, y.levels[f]), was, is)
		}
	}
}

func TestSettingsComeBackAndDecideTheSame(t *testing.T) {
	g := newRegister(8).fill(1000)
	b, _ := g.other(.7)
	r, err := New(g.people, b, false)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Learn(quiet)
	var file bytes.Buffer
	if err := s.Write(&file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadSettings(&file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Run(s, true, quiet), r.Run(again, true, quiet)) {
		t.Error("settings read from a file decide otherwise")
	}
	for _, wrong := range []string{"", "{}", `{"format":"kith match settings 1"}`, `{"format":"kith match settings 1","link":5,"review":9,"share":1,"swapped":0.1}`, `{"colour":1}`} {
		if _, err := ReadSettings(strings.NewReader(wrong)); err == nil {
			t.Errorf("settings %q were taken", wrong)
		}
	}
}

func BenchmarkPairs(b *testing.B) {
	g := newRegister(1).fill(20_000)
	other, _ := g.other(1)
	r, err := New(g.people, other, false)
	if err != nil {
		b.Fatal(err)
	}
	m := Default().model(r)
	at := uint64(0)
	for b.Loop() {
		at++
		r.best(m, uint32(hash(1, at)%uint64(r.sizes[0])), uint32(uint64(r.sizes[0])+hash(2, at)%uint64(r.sizes[1])))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
}

// BenchmarkHundredThousand is 100,000 rows from cleaning to decisions, learning included.
func BenchmarkHundredThousand(b *testing.B) {
	g := newRegister(2).fill(80_000)
	again, _ := g.other(.25)
	all := append(slices.Clone(g.people), again...)
	for b.Loop() {
		r, err := New(all, nil, false)
		if err != nil {
			b.Fatal(err)
		}
		r.Run(r.Learn(quiet), false, quiet)
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(mem.Sys)/1e6, "MB")
	b.ReportMetric(float64(len(all))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkMillion finds who is there twice in a million rows, from cleaning to decisions, learning included: less than 60 s of two
// processors and 4 GB are asked for.
func BenchmarkMillion(b *testing.B) {
	g := newRegister(2).fill(800_000)
	again, who := g.other(.25)
	all := append(slices.Clone(g.people), again...)
	for id, person := range g.who {
		who[id] = person
	}
	used := processorTime()
	for b.Loop() {
		start := time.Now()
		r, err := New(all, nil, false)
		if err != nil {
			b.Fatal(err)
		}
		read := time.Since(start)
		s := r.Learn(quiet)
		learned := time.Since(start)
		found := r.Run(s, false, quiet)
		b.Logf("roof %.2f moved %.2f share %.3f households %v", s.Roof, s.Moved, s.Share, s.Households)
		b.Logf("cleaned by %.1f s, learned by %.1f s, decided by %.1f s", read.Seconds(), learned.Seconds(), time.Since(start).Seconds())
		got := r.Check(found, who, nil)
		b.Logf("%d rows: %d right, %d wrong, %d missed", r.Len(), got.Right, got.Wrong, got.Missed)
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(mem.Sys)/1e6, "MB")
	b.ReportMetric((processorTime()-used).Seconds()/float64(b.N), "cpu-s/op")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
