package match

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
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
