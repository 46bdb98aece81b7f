package match

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var clerk = access.Actor{ID: "Practitioner/clerk", Name: "Records clerk"}

// town is a record with a linker that runs.
type town struct {
	*testing.T
	door *record.Door
	l    *Linker
}

func newTown(t *testing.T, db string, o Options) *town {
	t.Helper()
	door := record.TestOn(t, db)
	town := &town{t, door, nil}
	town.run(o)
	return town
}

// run starts a linker; the function it answers stops it.
func (t *town) run(o Options) (stop func()) {
	t.Helper()
	l, err := NewLinker(t.door, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan bool)
	go func() {
		defer close(done)
		l.Run(ctx)
	}()
	t.l = l
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// says has a source write its Patient; key=value pairs say what of.
func (t *town) says(source, id string, fields ...string) {
	t.Helper()
	t.put(patientJSON(source, id, fields...))
	t.settle()
}

func (t *town) put(bodies ...string) {
	t.Helper()
	fill(t, t.door, bodies)
}

// settle waits until the linker has dealt with all there is.
func (t *town) settle() {
	t.Helper()
	var last int64
	changes, err := t.door.Changes(t.Context(), clerk, record.Log{Type: "Patient", Back: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) > 0 {
		last = changes[0].Seq
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		t.l.mu.Lock()
		done := t.l.s != nil && t.l.s.seen >= last
		t.l.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the linker has not come so far in two minutes")
		}
	}
}

func patientJSON(source, id string, fields ...string) string {
	type object = map[string]any
	p := object{"resourceType": "Patient", "id": id}
	if source != "" {
		p["meta"] = object{"source": "urn:kith:intake:" + source + "/Patient/" + id}
	}
	name, address := object{}, object{}
	var names, identifiers, addresses, telecom []any
	for i := 0; i < len(fields); i += 2 {
		v := fields[i+1]
		if v == "" {
			continue
		}
		switch fields[i] {
		case "nhs", "old-nhs", "untraced-nhs":
			n := object{"system": nhsSystem, "value": v}
			if fields[i] == "old-nhs" {
				n["use"] = "old"
			}
			if fields[i] == "untraced-nhs" {
				n["extension"] = []any{object{"url": verification, "valueCodeableConcept": object{"coding": []any{object{"code": "05"}}}}}
			}
			identifiers = append(identifiers, n)
		case "forename":
			name["given"] = []any{v}
		case "surname":
			name["family"] = v
		case "maiden":
			names = append(names, object{"use": "maiden", "family": v})
		case "dob":
			if _, err := fhir.ParseDate(v); err != nil {
				continue // no record takes a slip that is no date
			}
			p["birthDate"] = v
		case "sex":
			p["gender"] = map[string]string{"F": "female", "M": "male"}[v]
		case "postcode":
			address["postalCode"] = v
		case "address":
			address["line"] = []any{v}
		case "town":
			address["city"] = v
		case "old-postcode":
			addresses = append(addresses, object{"use": "old", "postalCode": v})
		case "old-address":
			addresses = append(addresses, object{"use": "old", "line": []any{v}})
		case "phone":
			telecom = append(telecom, object{"system": "phone", "value": v})
		case "email":
			telecom = append(telecom, object{"system": "email", "value": v})
		case "duplicate-of":
			p["link"] = []any{object{"other": object{"reference": "Patient/" + v}, "type": "seealso"}}
		case "ethnicity":
			p["extension"] = []any{object{"url": ethnicity, "valueCodeableConcept": object{"coding": []any{object{"code": v}}}}}
		default:
			panic(fields[i])
		}
	}
	if len(name) > 0 {
		names = append(names, name)
	}
	if len(address) > 0 {
		addresses = append(addresses, address)
	}
	for key, list := range map[string][]any{"name": names, "identifier": identifiers, "address": addresses, "telecom": telecom} {
		if list != nil {
			p[key] = list
		}
	}
	out, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// person are the Patients that the record takes for one person with id, by what a search for its observations finds.
func (t *town) person(id string) string {
	t.Helper()
	t.put(fmt.Sprintf(`{"resourceType":"Observation","id":"o-%s","status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/%s"}}`, id, id))
	page, err := t.door.Find(t.Context(), clerk, "Observation?patient="+id)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range page.Matches {
		ids = append(ids, strings.TrimPrefix(m.ID, "o-"))
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

func (t *town) people(want map[string]string) {
	t.Helper()
	for _, group := range want {
		for id := range strings.FieldsSeq(group) {
			t.person(id) // an observation for each, before anybody is looked for
		}
	}
	for id, group := range want {
		if got := t.person(id); got != group {
			t.Errorf("%s is one person with %q, not %q", id, got, group)
		}
	}
}

func (t *town) queue() []Asked {
	t.Helper()
	all, err := t.l.Queue(t.Context(), clerk, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Five sources keep a Patient of Ada Okafor; she is one person. Her daughters are twins, and her husband's son has his name.
func TestFiveSourcesKnowOnePerson(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		town := newTown(t, db, Options{})
		home := []string{"address", "4 Orchard Close", "postcode", "ZZ1 4AB", "town", "Merrowby"}
		with := func(f ...string) []string { return append(f, home...) }
		town.says("ZZ001", "gp", with("nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "maiden", "Thornley", "dob", "1950-02-03", "sex", "F", "phone", "01632 960111")...)
		town.says("ZZ1", "hospital", "nhs", "943 476 5919", "forename", "ADA", "surname", "OKAFOR", "dob", "1950-02-03", "sex", "F")
		town.says("ZZ003", "oldgp", "forename", "Ada", "surname", "Thornley", "dob", "1950-02-03", "sex", "F", "address", "4 Orchard Cl", "postcode", "ZZ14AB")
		town.says("ZZC", "council", with("forename", "Ada", "surname", "Okafer", "dob", "1950-02-03", "sex", "F")...)
		town.says("ZZHC", "agency", "forename", "Ada", "surname", "Okafor", "dob", "1950-03-02", "sex", "F", "postcode", "ZZ1 4AB", "address", "4 Orchard Close", "phone", "01632960111")
		for i, twin := range []string{"Ella", "Maud"} {
			town.says("ZZ001", fmt.Sprint("twin-gp", i), with("forename", twin, "surname", "Penwick", "dob", "2019-05-06", "sex", "F")...)
			town.says("ZZ1", fmt.Sprint("twin-h", i), with("forename", twin, "surname", "Penwick", "dob", "2019-05-06", "sex", "F")...)
		}
		town.says("ZZ001", "father", with("forename", "Edgar", "surname", "Penwick", "dob", "1975-02-01", "sex", "M")...)
		town.says("ZZ1", "son", with("forename", "Edgar", "surname", "Penwick", "dob", "2004-11-17", "sex", "M")...)
		ada := "agency council gp hospital oldgp"
		town.people(map[string]string{"gp": ada, "hospital": ada, "oldgp": ada, "council": ada, "agency": ada,
			"twin-gp0": "twin-gp0 twin-h0", "twin-h0": "twin-gp0 twin-h0", "twin-gp1": "twin-gp1 twin-h1", "twin-h1": "twin-gp1 twin-h1", "father": "father", "son": "son"})
		links, err := town.l.Links(t.Context(), clerk, "hospital")
		if err != nil || len(links) == 0 {
			t.Fatal(links, err)
		}
		for _, l := range links {
			if s := l.standing(); l.Linked && (s == nil || s.By != "kith/match" || s.Settings == "" || len(s.Parts) == 0 || s.When.IsZero()) {
				t.Errorf("the link %s does not say who made it and why: %+v", l.ID(), s)
			}
		}
		if l := links[0]; l.ID() != "gp_hospital" || l.Said[0].Rule != ByNumber {
			t.Errorf("the hospital's number and birth date: %+v", l)
		}
	})
}

// The same number on two people is a question; what the clerk answers stands, whatever the sources write afterwards.
func TestAnAnswerSticks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		town := newTown(t, db, Options{})
		town.says("ZZ001", "ada", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F")
		town.says("ZZ1", "eve", "nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30", "sex", "F")
		town.people(map[string]string{"ada": "ada", "eve": "eve"})
		queue := town.queue()
		if len(queue) != 1 || queue[0].ID != "ada_eve" || !strings.Contains(queue[0].Why, "NHS number") || len(queue[0].Link.Doubt.Parts) < 4 {
			t.Fatalf("the clash of numbers asks: %+v", queue)
		}
		q, err := town.l.Question(t.Context(), clerk, "ada_eve")
		if err != nil || q.Patients[1].ID != "eve" || !bytes.Contains(q.Patients[1].Body, []byte("Grey")) {
			t.Fatal(q, err)
		}
		if err := town.l.Answer(t.Context(), clerk, "ada_eve", false, " "); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("an answer without a reason: %v", err)
		}
		if err := town.l.Answer(t.Context(), clerk, "ada_nobody", true, "x"); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("an answer to no question: %v", err)
		}
		if err := town.l.Answer(t.Context(), clerk, "ada_eve", false, "Mrs Grey's number was typed at the wrong desk"); err != nil {
			t.Fatal(err)
		}
		// Both sources now say the very same, which would be proof.
		town.says("ZZ1", "eve", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F")
		town.says("ZZ001", "ada", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F", "phone", "01632 960112")
		town.people(map[string]string{"ada": "ada", "eve": "eve"})
		if queue := town.queue(); len(queue) != 0 {
			t.Errorf("asked again: %+v", queue)
		}
		// The clerk thinks again; and once more. The history keeps all of it.
		for i, same := range []bool{true, false, true} {
			if err := town.l.Answer(t.Context(), clerk, "ada_eve", same, fmt.Sprint("thought again ", i)); err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{true: "ada eve", false: "ada"}[same]
			if got := town.person("ada"); got != want {
				t.Errorf("after answer %d ada is %q, not %q", i, got, want)
			}
		}
		links, err := town.l.Links(t.Context(), clerk, "eve")
		if err != nil || len(links) != 1 || len(links[0].Said) != 4 || links[0].Said[0].Retracted == nil || links[0].Said[3].Retracted != nil || links[0].Said[3].By != clerk.ID {
			t.Errorf("history: %+v %v", links, err)
		}
	})
}

// Taking a link back restores everything byte for byte, and the machine does not make it again.
func TestMergeThenUnmergeLeavesEverythingAsItWas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		town := newTown(t, db, Options{})
		f := []string{"nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F"}
		state := func() string {
			var out strings.Builder
			for _, query := range []string{"Patient?_count=100", "Observation?patient=a", "Observation?patient=b", "Observation?patient=c"} {
				page, err := town.door.Find(t.Context(), clerk, query)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page.Matches {
					fmt.Fprintf(&out, "%s %d %s\n", query, m.Version, m.Body)
				}
			}
			return out.String()
		}
		town.says("ZZ001", "a", f...)
		town.says("ZZ1", "b", "forename", "Una", "surname", "Wynn", "dob", "1999-12-31")
		town.says("ZZC", "c", f...)
		for _, id := range []string{"a", "b", "c"} {
			town.person(id)
		}
		linked := state()
		if got := town.person("a"); got != "a c" {
			t.Fatal(got)
		}
		if err := town.l.Unlink(t.Context(), clerk, "c", "two people, one card"); err != nil {
			t.Fatal(err)
		}
		unlinked := state()
		if err := town.l.Answer(t.Context(), clerk, "a_c", true, "one after all"); err != nil {
			t.Fatal(err)
		}
		if again := state(); again != linked {
			t.Errorf("linked again:\n%s\nwas\n%s", again, linked)
		}
		if err := town.l.Unlink(t.Context(), clerk, "a", "no"); err != nil {
			t.Fatal(err)
		}
		if again := state(); again != unlinked || unlinked == linked {
			t.Errorf("unlinked again:\n%s\nwas\n%s", again, unlinked)
		}
		town.says("ZZC", "c", append(f, "phone", "01632 960113")...)
		town.people(map[string]string{"a": "a", "c": "c"})
		if err := town.l.Unlink(t.Context(), clerk, "a", "again"); fhir.KindOf(err) != fhir.NotFound {
			t.Errorf("taking back what is not there: %v", err)
		}
		if err := town.l.Unlink(t.Context(), clerk, "a", ""); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("without a reason: %v", err)
		}
	})
}

// A link that a change no longer supports becomes a question and stands until it is answered; a corrected NHS number undoes what rested
// on it at once.
func TestALinkThatNoLongerHoldsIsAsked(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{})
	ada := []string{"forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F", "address", "4 Orchard Close", "postcode", "ZZ1 4AB"}
	town.says("ZZ001", "a", ada...)
	town.says("ZZ1", "b", ada...)
	town.people(map[string]string{"a": "a b"})
	town.says("ZZ1", "b", "forename", "Una", "surname", "Wynn", "dob", "1999-12-31", "sex", "F", "address", "9 Mill Lane", "postcode", "ZZ7 2QQ")
	town.people(map[string]string{"a": "a b"})
	queue := town.queue()
	if len(queue) != 1 || !strings.Contains(queue[0].Why, "no longer") {
		t.Fatalf("the link that no longer holds asks: %+v", queue)
	}
	if err := town.l.Answer(t.Context(), clerk, queue[0].ID, false, "the hospital had merged two people"); err != nil {
		t.Fatal(err)
	}
	town.people(map[string]string{"a": "a", "b": "b"})

	town.says("ZZ001", "c", "nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30")
	town.says("ZZ1", "d", "nhs", "9434765919", "forename", "Maud", "surname", "Larkin", "dob", "1988-11-30")
	town.people(map[string]string{"c": "c d"})
	town.says("ZZ1", "d", "nhs", "4000745212", "forename", "Maud", "surname", "Larkin", "dob", "1988-11-30")
	town.people(map[string]string{"c": "c", "d": "d"})
	links, err := town.l.Links(t.Context(), clerk, "c")
	if err != nil || len(links) != 1 || links[0].Said[0].Retracted == nil || !strings.Contains(links[0].Said[0].Retracted.Why, "corrected") {
		t.Errorf("%+v %v", links, err)
	}
}

func TestOneSourceAndSupersededNumbers(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{})
	ada := []string{"forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "sex", "F", "address", "4 Orchard Close", "postcode", "ZZ1 4AB"}
	town.says("ZZ001", "a", ada...)
	town.says("ZZ001", "b", ada...)
	town.people(map[string]string{"a": "a", "b": "b"})
	if q := town.queue(); len(q) != 1 || !strings.Contains(q[0].Why, "one source") {
		t.Fatalf("two of one source: %+v", q)
	}
	town.says("ZZ001", "b", append(ada, "duplicate-of", "a")...)
	town.people(map[string]string{"a": "a b"})
	if q := town.queue(); len(q) != 0 {
		t.Errorf("still asked: %+v", q)
	}
	// The national register answered with another number: the old one is kept, and finds her.
	town.says("ZZ001", "new", "nhs", "4000745212", "old-nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30")
	town.says("ZZ1", "old", "nhs", "9434765919", "forename", "Eva", "surname", "Brown", "dob", "1988-11-30")
	town.people(map[string]string{"new": "new old"})
	// A number whose trace found a conflict is no proof of anything.
	town.says("ZZC", "doubtful", "untraced-nhs", "4000745212", "forename", "Ida", "surname", "Moss", "dob", "1988-11-30")
	town.people(map[string]string{"doubtful": "doubtful"})
	// Numbers of made-up people are nobody's in a record of real ones.
	town.says("ZZ001", "t1", "nhs", "9990000018", "forename", "Jo", "surname", "Fern", "dob", "1977-07-07")
	town.says("ZZ1", "t2", "nhs", "9990000018", "forename", "Sam", "surname", "Holt", "dob", "1977-07-07")
	town.people(map[string]string{"t1": "t1"})
}

// A deleted Patient is nobody's any more; those it held together are looked at again.
func TestDeletedPatientsAreUnlinked(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{})
	f := []string{"nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03"}
	town.says("ZZ001", "a", f...)
	town.says("ZZ1", "b", f...)
	town.says("ZZC", "c", f...)
	town.people(map[string]string{"a": "a b c"})
	if _, err := town.door.Commit(t.Context(), clerk, []record.Op{{Method: record.Delete, Type: "Observation", ID: "o-a"}, {Method: record.Delete, Type: "Patient", ID: "a"}}); err != nil {
		t.Fatal(err)
	}
	town.settle()
	if got := town.person("b"); got != "b" && got != "b c" {
		t.Error(got)
	}
	town.people(map[string]string{"b": "b c", "c": "b c"})
}

// sources is a made-up register as several sources keep it: bodies in no order, and for each Patient who it is.
func sources(seed uint64, n int) (bodies []string, who map[string]string) {
	g := newRegister(seed).fill(n)
	who = map[string]string{}
	add := func(source string, people []Person, of func(id string) string) {
		for _, p := range people {
			id := source + "-" + p.ID
			who[id] = of(p.ID)
			var f []string
			for i, v := range p.Values {
				f = append(f, Field(i).String(), v)
			}
			bodies = append(bodies, patientJSON(source, id, f...))
		}
	}
	add("gp", g.people, func(id string) string { return id })
	for _, source := range []string{"hospital", "council"} {
		others, truth := g.other(.4)
		add(source, others, func(id string) string { return truth[id] })
	}
	return bodies, who
}

// score counts pairs of Patients that the linker made one person.
func (t *town) score(who map[string]string) (c Count) {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	pairs := map[string]int{}
	for _, of := range who {
		pairs[of]++
	}
	all := 0
	for _, n := range pairs {
		all += n * (n - 1) / 2
	}
	for id := range who {
		for _, other := range t.l.s.links.person(id)[1:] {
			if id < other {
				if who[id] == who[other] {
					c.Right++
				} else {
					c.Wrong++
				}
			}
		}
	}
	c.Missed = all - c.Right
	return c
}

func (t *town) groups() map[string]string {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	out := map[string]string{}
	for id := range t.l.s.sources {
		group := slices.Clone(t.l.s.links.person(id))
		slices.Sort(group)
		out[id] = strings.Join(group, " ")
	}
	return out
}

// Three sources in one order and in another, one by one and all at once, and again after the process was killed: nearly the same people,
// none wrong.
func TestOrderAndBatchComeToTheSamePeople(t *testing.T) {
	bodies, who := sources(41, 700)
	var first map[string]string
	for i, o := range []Options{{Behind: 1 << 40}, {Behind: 1 << 40}, {Behind: 100}} {
		town := newTown(t, storetest.SQLite(t), o)
		mixed := slices.Clone(bodies)
		rand.New(rand.NewPCG(uint64(i), 1)).Shuffle(len(mixed), func(a, b int) { mixed[a], mixed[b] = mixed[b], mixed[a] })
		town.put(mixed...)
		town.settle()
		c := town.score(who)
		t.Logf("run %d: %d right, %d wrong, %d missed, %d asked", i, c.Right, c.Wrong, c.Missed, len(town.queue()))
		if c.Wrong > 0 || c.Recall() < .95 {
			t.Errorf("run %d: %+v", i, c)
		}
		groups := town.groups()
		if first == nil {
			first = groups
		}
		differ := 0
		for id, group := range first {
			if groups[id] != group {
				differ++
			}
		}
		if differ > len(first)/30 {
			t.Errorf("run %d: %d of %d Patients are other people than in the first order", i, differ, len(first))
		}
	}
}

// A process that was killed after it wrote and before it saved its place does everything once more, which must change nothing.
func TestDoingItAgainChangesNothing(t *testing.T) {
	bodies, _ := sources(42, 150)
	town := newTown(t, storetest.SQLite(t), Options{Behind: 1 << 40})
	town.put(bodies...)
	town.settle()
	dump := func() string {
		var out strings.Builder
		for _, kind := range []string{linkKind, ofKind, queueKind} {
			if err := town.l.each(t.Context(), kind, "", func(it record.BoxItem) error { fmt.Fprintf(&out, "%s %s %s\n", kind, it.Key, it.Value); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		return out.String()
	}
	before := dump()
	changes, err := town.door.Changes(t.Context(), clerk, record.Log{Type: "Patient", Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range []Options{{Behind: 1 << 40}, {Behind: 1}, {Behind: 1}} { // one by one, and all at once
		again, err := NewLinker(town.door, o)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 { // as if the batch had not been finished
			if err := town.l.box.Relate(t.Context(), clerk, nil, nil, record.BoxItem{Kind: placeKind, Key: "batch"}); err != nil {
				t.Fatal(err)
			}
		}
		for part := range slices.Chunk(changes, 200) {
			if err := again.changed(t.Context(), part); err != nil {
				t.Fatal(err)
			}
		}
		if i == 1 { // seen all at once, some are clearer than they were one by one; but only the first time
			before = dump()
		}
		if after := dump(); after != before {
			a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
			for i := range b {
				if i >= len(a) || a[i] != b[i] {
					t.Fatalf("with %+v: %d lines became %d; the first is\n%.600s", o.Behind, len(a), len(b), b[i])
				}
			}
		}
	}
}

func TestReportCountsGroups(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{Now: func() time.Time { return time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC) }})
	f := []string{"nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03", "ethnicity", "N"}
	town.says("ZZ001", "a", f...)
	town.says("ZZ1", "b", f...)
	town.says("ZZC", "c", "forename", "Una", "surname", "Wynn", "dob", "2025", "ethnicity", "A")
	rates, err := town.l.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := "[{age 00 to 04 1 0 0} {age 65 to 84 2 2 0} {deprivation not known 3 2 0} {ethnicity A 1 0 0} {ethnicity N 2 2 0}]"
	if got := fmt.Sprint(rates); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// BenchmarkLinker matches what three sources say of people, one by one and all at once: 5,000 Patients a second are asked for after a
// bulk load.
func BenchmarkLinker(b *testing.B) {
	for _, c := range []struct {
		name   string
		people int
		behind int64
		db     func(testing.TB) string
	}{
		{"one-by-one/sqlite", 10_000, 1 << 40, storetest.SQLite}, {"at-once/sqlite", 50_000, 1000, storetest.SQLite},
		{"one-by-one/postgres", 10_000, 1 << 40, storetest.Postgres}, {"at-once/postgres", 50_000, 1000, storetest.Postgres},
	} {
		b.Run(c.name, func(b *testing.B) {
			bodies, who := sources(43, c.people)
			rand.New(rand.NewPCG(1, 1)).Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
			for b.Loop() {
				door := record.TestOn(b, c.db(b))
				fill(b, door, bodies)
				l, err := NewLinker(door, Options{Behind: c.behind})
				if err != nil {
					b.Fatal(err)
				}
				last, err := door.Seq(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(b.Context())
				ended := make(chan bool)
				used, start := processorTime(), time.Now()
				go func() {
					defer close(ended)
					l.Run(ctx)
				}()
				for done := false; !done; time.Sleep(5 * time.Millisecond) {
					l.mu.Lock()
					done = l.s != nil && l.s.seen >= last
					l.mu.Unlock()
				}
				took, spent := time.Since(start), processorTime()-used
				cancel()
				<-ended
				score := (&town{nil, door, l}).score(who)
				queue, err := l.box.List(b.Context(), queueKind, "", 1_000_000)
				if err != nil {
					b.Fatal(err)
				}
				b.Logf("%d Patients: %d right, %d wrong, %d missed, %d asked", len(bodies), score.Right, score.Wrong, score.Missed, len(queue))
				b.ReportMetric(float64(len(bodies))/took.Seconds(), "Patients/s")
				b.ReportMetric(spent.Seconds(), "cpu-s")
			}
		})
	}
}

func fill(t testing.TB, door *record.Door, bodies []string) {
	t.Helper()
	for part := range slices.Chunk(bodies, 1000) {
		var ops []record.Op
		for _, body := range part {
			res, err := fhir.Parse([]byte(body))
			if err != nil {
				t.Fatal(err, body)
			}
			ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res, Same: true})
		}
		if _, err := door.Commit(t.Context(), clerk, ops); err != nil {
			t.Fatal(err)
		}
	}
}

// What a clerk says in one process counts in the other that matches, and in the one that takes over from it.
func TestAnotherProcessHearsTheAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		town := newTown(t, db, Options{})
		pages, err := NewLinker(town.door, Options{}) // serves the staff page and follows nothing
		if err != nil {
			t.Fatal(err)
		}
		town.says("ZZ001", "a", "nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03")
		town.says("ZZ1", "b", "nhs", "9434765919", "forename", "Eve", "surname", "Grey", "dob", "1988-11-30")
		if err := pages.Answer(t.Context(), clerk, "a_b", false, "two people"); err != nil {
			t.Fatal(err)
		}
		ada := []string{"nhs", "9434765919", "forename", "Ada", "surname", "Okafor", "dob", "1950-02-03"}
		town.says("ZZ1", "b", ada...)
		town.people(map[string]string{"a": "a", "b": "b"})
		first := town.l
		town.run(Options{}) // a second process, which waits for the lease
		second := town.l
		town.l = first
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			second.mu.Lock()
			ready := second.s != nil
			second.mu.Unlock()
			if ready {
				break
			}
		}
		town.says("ZZC", "c", "forename", "Una", "surname", "Wynn", "dob", "1999-12-31")
		second.mu.Lock()
		defer second.mu.Unlock()
		if second.s == nil || second.s.index.Len() < 1 {
			t.Error("the process that waits has not read who is there")
		} else if second.s.sources["c"] != "" {
			t.Error("two processes matched at once")
		}
	})
}

// The order of the queue, pages of it, and what cannot be asked of it.
func TestQueueHasPages(t *testing.T) {
	town := newTown(t, storetest.SQLite(t), Options{})
	for i := range 3 {
		n := []string{"9434765919", "4000745212", "4010232137"}[i]
		town.says("ZZ001", fmt.Sprint("a", i), "nhs", n, "forename", "Ada", "surname", "Okafor", "dob", fmt.Sprint("195", i, "-02-03"))
		town.says("ZZ1", fmt.Sprint("b", i), "nhs", n, "forename", "Eve", "surname", "Grey", "dob", fmt.Sprint("198", i, "-11-30"))
	}
	var ids []string
	for after := ""; ; {
		page, err := town.l.Queue(t.Context(), clerk, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range page {
			ids = append(ids, q.ID)
			after = q.Place
		}
		if len(page) < 2 {
			break
		}
	}
	if got := strings.Join(ids, " "); got != "a0_b0 a1_b1 a2_b2" {
		t.Errorf("the queue is %s", got)
	}
	for _, limit := range []int{0, 1001} {
		if _, err := town.l.Queue(t.Context(), clerk, "", limit); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("a page of %d: %v", limit, err)
		}
	}
	for _, id := range []string{"", "a0", "b0_a0", "a0_b0_c", "a b_c"} {
		if _, err := town.l.Question(t.Context(), clerk, id); fhir.KindOf(err) != fhir.Invalid {
			t.Errorf("question %q: %v", id, err)
		}
	}
	if _, err := NewLinker(town.door, Options{Settings: &Settings{}}); fhir.KindOf(err) != fhir.Invalid {
		t.Errorf("settings that are none: %v", err)
	}
}
