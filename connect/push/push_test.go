package push

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/connect/fact/facttest"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

var update = flag.Bool("update", false, "write the goldens again")

var (
	lenient = intake.Feed{Name: "partner", Kind: Kind, Title: "A partner"}
	strict  = intake.Feed{Name: "strict", Kind: Kind, Title: "A strict partner", Strict: true}
	letters = intake.Feed{Name: "optician", Kind: MessageKind, Title: "An optician"}
)

func data(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATransaction(t *testing.T) {
	d := facttest.Desk(t, "", lenient)
	facttest.Receive(t, d, "partner", "transaction.json", data(t, "transaction.json"), Resources)
	facttest.Golden(t, "transaction.golden", facttest.Text(t, d), *update)
}

func TestAReferral(t *testing.T) {
	d := facttest.Desk(t, "", letters)
	facttest.Receive(t, d, "optician", "referral.json", data(t, "referral.json"), Message)
	facttest.Golden(t, "referral.golden", facttest.Text(t, d), *update)
}

func TestTheSameAgainChangesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		d := facttest.Desk(t, db, lenient, letters)
		for i := range 2 {
			before := facttest.Changes(t, d)
			facttest.Receive(t, d, "partner", fmt.Sprint("t", i), data(t, "transaction.json"), Resources)
			facttest.Receive(t, d, "optician", fmt.Sprint("m", i), data(t, "referral.json"), Message)
			if n := facttest.Changes(t, d) - before; (i == 0) == (n == 0) {
				t.Errorf("time %d: %d changes", i+1, n)
			}
		}
		// The same person under another id of the sender's is still the same Patient.
		facttest.Receive(t, d, "partner", "other", []byte(strings.ReplaceAll(string(data(t, "transaction.json")), "urn:uuid:11111111-1111-4111-8111-111111111111", "urn:uuid:22222222-2222-4222-8222-222222222222")), Resources)
		if n := facttest.Count(t, d, "Patient?family=Barrow"); n != 1 {
			t.Errorf("%d patients, want 1", n)
		}
	})
}

// What staff did with a referral stays when it comes again; when it is called off, the task is too.
func TestAReferralThatIsCalledOff(t *testing.T) {
	d := facttest.Desk(t, "", letters)
	text := string(data(t, "referral.json"))
	facttest.Receive(t, d, "optician", "1", []byte(text), Message)
	facttest.Receive(t, d, "optician", "2", []byte(strings.Replace(text, `"status":"active","intent"`, `"status":"revoked","intent"`, 1)), Message)
	if got := facttest.One(t, d, "Task").Root().Get("status").Text(); got != "cancelled" {
		t.Errorf("the task is %s", got)
	}
}

func TestDeleteAndConditions(t *testing.T) {
	d := facttest.Desk(t, "", lenient)
	send := func(name, entries string) {
		t.Helper()
		facttest.Receive(t, d, "partner", name, []byte(`{"resourceType":"Bundle","type":"batch","entry":[`+entries+`]}`), Resources)
	}
	send("1", `{"resource":{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:x","value":"1"}],"gender":"female"},"request":{"method":"PUT","url":"Patient?identifier=urn:x|1"}}`)
	send("2", `{"resource":{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}],"gender":"male"},"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:x|1"}}`)
	if got := facttest.One(t, d, "Patient").Root().Get("gender").Text(); got != "female" {
		t.Errorf("ifNoneExist changed what was there: %s", got)
	}
	send("3", `{"resource":{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"Pain"},"subject":{"reference":"Patient/p1"}}}`)
	if n := facttest.Count(t, d, "Observation?subject:Patient.identifier=urn:x|1"); n != 1 {
		t.Error("a reference by the sender's id leads nowhere")
	}
	send("4", `{"request":{"method":"DELETE","url":"Observation/o1"}},{"request":{"method":"DELETE","url":"Patient?identifier=urn:x|1"}}`)
	if n := facttest.Count(t, d, "Observation") + facttest.Count(t, d, "Patient"); n != 0 {
		t.Errorf("%d resources are left", n)
	}
}

func TestWhatIsWrongIsRefusedWithItsPlace(t *testing.T) {
	bad := `{"resourceType":"Observation","id":"o1","status":"finished","code":{"text":"x"}}`
	odd := `{"resourceType":"Observation","id":"o2","status":"final","code":{"text":"x"},"dataAbsentReason":{"text":"y"},"valueString":"z"}`
	good := `{"resourceType":"Observation","id":"o3","status":"final","code":{"text":"x"}}`
	for _, c := range []struct {
		feed intake.Feed
		text string
		want string // "" where something is filed
		n    int    // resources filed
	}{
		{lenient, `not json`, "no FHIR", 0},
		{lenient, `{"resourceType":"Bundle","type":"batch"}`, "no entries", 0},
		{lenient, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}`, "nothing to file", 0},
		{lenient, `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + good + `},{"resource":` + bad + `}]}`, "entry[1]", 0},
		{lenient, `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + good + `},{"resource":` + bad + `}]}`, "", 1},
		{lenient, odd, "", 1},
		{strict, odd, "obs-6", 0},
		{strict, good, "", 1},
		{lenient, `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"PATCH","url":"Patient/1"}}]}`, "PATCH", 0},
		{lenient, `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + good + `},{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:33333333-3333-4333-8333-333333333333"}}}]}`, "no entry of the Bundle", 0},
		{lenient, `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p1"}},{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p2"}},{"resource":` +
			strings.Replace(good, `"status"`, `"subject":{"reference":"urn:uuid:1"},"status"`, 1) + `}]}`, "entry[1]: the fullUrl urn:uuid:1 stands twice, first at entry[0]", 0}, // whose observation it was hung on the order of entries
		{lenient, `{"resourceType":"ReferralRequest","id":"r"}`, "ReferralRequest", 0},
		{lenient, `{"resourceType":"Bundle","type":"message","entry":[{"resource":` + good + `}]}`, "begins with a MessageHeader", 0},
	} {
		d := facttest.Desk(t, "", c.feed)
		_, err := d.Receive(t.Context(), c.feed.Name, "x", []byte(c.text), Resources)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80s: %v, want %q", c.text, err, c.want)
		}
		if n := int(facttest.Changes(t, d)); n != c.n {
			t.Errorf("%.80s: %d resources filed, want %d", c.text, n, c.n)
		}
	}
}

func TestAnswer(t *testing.T) {
	by := Sender{Name: "Kith", Endpoint: "https://kith.example.org/fhir", Now: func() time.Time { return time.Date(2026, 3, 1, 9, 16, 0, 0, time.UTC) }}
	var out []byte
	for _, refused := range []error{nil, fhir.Errorf(fhir.Invalid, "entry[3]: the referral is of nobody"), fhir.Errorf(fhir.Busy, "the feed is held")} {
		a, err := by.Answer(data(t, "referral.json"), refused)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, a...), '\n')
		// The answer is itself a message that can be read.
		d := facttest.Desk(t, "", letters)
		facttest.Receive(t, d, "optician", "answer", a, Message)
	}
	facttest.Golden(t, "answers.golden", out, *update)
	if _, err := by.Answer([]byte(`{"resourceType":"Patient"}`), errors.New("x")); err == nil {
		t.Error("what is no message was answered")
	}
}

// Every example of the national services is filed, or refused with a reason.
func TestExamplesOfTheNHS(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "folder\tfiles\tfiled\tin part\trefused\tnot R4")
	for _, folder := range []string{"bars", "immunisation", "eligibility-signposting", "pds", "ers"} {
		root := need.Data(t, "uk", folder)
		files, filed, part, refused, older := 0, 0, 0, 0, 0
		reasons := map[string]int{}
		d := facttest.Desk(t, "", lenient)
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) != ".json" {
				return err
			}
			files++
			if strings.Contains(filepath.ToSlash(path), "/stu3/") {
				older++
				return nil
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			it, err := d.Receive(t.Context(), "partner", strings.TrimPrefix(path, root), raw, Resources)
			switch {
			case err != nil && err.Error() == "":
				t.Errorf("%s: refused without a reason", path)
			case err != nil && fhir.KindOf(err) == fhir.Broken:
				t.Errorf("%s: %v", path, err)
			case err != nil:
				refused++
				reasons[short(err.Error())]++
			case it.Rows.Quarantined > 0:
				part++
			default:
				filed++
			}
			return nil
		})
		if err != nil || files == 0 {
			t.Fatalf("%s: %d files: %v", folder, files, err)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", folder, files, filed, part, refused, older)
		for _, r := range slices.Sorted(func(yield func(string) bool) {
			for r := range reasons {
				if !yield(r) {
					return
				}
			}
		}) {
			t.Logf("%s: %d × %s", folder, reasons[r], r)
		}
	}
	w.Flush()
	t.Logf("\n%s", table.String())
}

func short(s string) string {
	if r := []rune(s); len(r) > 160 {
		return string(r[:160]) + "…"
	}
	return s
}

func FuzzResources(f *testing.F) {
	f.Add(data(f, "transaction.json"))
	f.Add(data(f, "referral.json"))
	f.Add([]byte(`<Patient xmlns="http://hl7.org/fhir"><gender value="female"/></Patient>`))
	d := facttest.Desk(f, "", lenient)
	feed, err := d.Named("partner")
	if err != nil {
		f.Fatal(err)
	}
	by := Sender{Name: "Kith", Endpoint: "urn:kith"}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Resources(t.Context(), d, feed, &intake.Item{Number: 1, Name: "x"}, raw)
		if err == nil {
			for _, op := range r.Ops {
				if op.Resource != nil && op.Resource.ID() != op.ID {
					t.Errorf("%s has the id %q, not %q", op.Type, op.Resource.ID(), op.ID)
				}
			}
		}
		if a, err := by.Answer(raw, nil); err == nil {
			if _, err := fhir.Parse(a); err != nil {
				t.Error(err)
			}
		}
	})
}
