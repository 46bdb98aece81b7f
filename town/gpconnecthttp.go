package town

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kith-care/kith/fhir"
)

// GPConnect answers for the practice with a small supplier as its system does: POST /Patient/$gpc.getstructuredrecord.
type GPConnect struct {
	Town    Town
	Density Density          // of its records; empty is a tenth
	Bulk    time.Time        // from when on things are corrected and struck out; zero is the town's last day
	Now     func() time.Time // nil is the town's last day

	once   sync.Once
	place  *place
	people map[string]int // by NHS number
}

const (
	structuredInteraction = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
	gpcErrors             = stu3HL7 + "CodeSystem/Spine-ErrorOrWarningCode-1"
	mostOfARequest        = 1 << 20
)

// ServeHTTP answers one request, or says in an OperationOutcome why not.
func (g *GPConnect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.once.Do(g.learn)
	if !strings.HasSuffix(r.URL.Path, "/Patient/$gpc.getstructuredrecord") {
		refuse(w, http.StatusNotFound, "NO_RECORD_FOUND", "not-found", r.URL.Path+" is not an operation of this practice")
		return
	}
	if r.Method != http.MethodPost {
		refuse(w, http.StatusMethodNotAllowed, "BAD_REQUEST", "not-supported", "a structured record is asked for with POST")
		return
	}
	for _, name := range []string{"Ssp-TraceID", "Ssp-From", "Ssp-To", "Ssp-InteractionID"} {
		if r.Header.Get(name) == "" {
			refuse(w, http.StatusBadRequest, "BAD_REQUEST", "invalid", "the header "+name+" is missing")
			return
		}
	}
	if got := r.Header.Get("Ssp-InteractionID"); got != structuredInteraction {
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "invalid", "Ssp-InteractionID is "+got+", not "+structuredInteraction)
		return
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "invalid", "the header Authorization holds no Bearer token")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostOfARequest))
	if err != nil {
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "invalid", "the request could not be read")
		return
	}
	number, want, err := understood(body)
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, "INVALID_PARAMETER", "invalid", err.Error())
		return
	}
	if !rightNumber(number) {
		refuse(w, http.StatusBadRequest, "INVALID_NHS_NUMBER", "value", number+" is not an NHS number")
		return
	}
	answer := g.answer(number, want)
	if answer == nil {
		refuse(w, http.StatusNotFound, "PATIENT_NOT_FOUND", "not-found", "no patient of this practice has this NHS number")
		return
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	w.Write(answer)
}

// learn finds out who is registered here.
func (g *GPConnect) learn() {
	g.place, g.people = g.Town.place(), map[string]int{}
	for i := range g.Town.People {
		p := g.Town.draw(i, g.place)
		if p.registered(p.behind(), windmill) != nil {
			g.people[p.number] = i
		}
	}
}

func (g *GPConnect) answer(number string, want asked) []byte {
	i, ok := g.people[number]
	if !ok {
		return nil
	}
	density, bulk, now := g.Density, g.Bulk, g.Town.until()
	if density == "" {
		density = Tenth
	}
	if bulk.IsZero() {
		bulk = now
	}
	if g.Now != nil {
		now = g.Now()
	}
	x := newGPConnect(g.Town, g.place, []time.Time{bulk})
	if s := x.record(g.Town.chart(i, g.place, density, bulk), now, want); s != nil {
		return s.bundle()
	}
	return nil
}

// understood reads the Parameters of a request.
func understood(body []byte) (number string, want asked, err error) {
	r, err := fhir.Parse(body)
	if err != nil {
		return "", want, err
	}
	if r.Type() != "Parameters" {
		return "", want, fhir.Errorf(fhir.Invalid, "the request is a %s, not Parameters", r.Type())
	}
	for p := range r.Root().Get("parameter").Items() {
		name := p.Get("name").Text()
		part := func(of string) fhir.Value {
			for q := range p.Get("part").Items() {
				if q.Get("name").Is(of) {
					return q
				}
			}
			return fhir.Value{}
		}
		switch name {
		case "patientNHSNumber":
			number = p.Get("valueIdentifier").Get("value").Text()
		case "includeAllergies":
			want.allergies = true
		case "includeMedication":
			want.medicines = true
			want.issues = !part("includePrescriptionIssues").Get("valueBoolean").Is("false")
			if from := part("medicationSearchFromDate").Get("valueDate"); from.Exists() {
				if want.medicinesFrom, err = time.Parse(time.DateOnly, from.Text()); err != nil {
					return "", want, fhir.Errorf(fhir.Invalid, "medicationSearchFromDate is %q, not a date", from.Text())
				}
			}
		case "includeConsultations":
			want.consultations = true
		case "includeProblems":
			want.problems = true
		case "includeImmunisations":
			want.immunisations = true
		case "includeUncategorisedData":
			want.other = true
		case "includeInvestigations":
			want.investigations = true
		case "includeReferrals":
			want.referrals = true
		case "includeDiaryEntries":
			want.diary = true
		default:
			return "", want, fhir.Errorf(fhir.Invalid, "there is no parameter %q", name)
		}
	}
	if number == "" {
		return "", want, fhir.Errorf(fhir.Invalid, "the parameter patientNHSNumber is missing")
	}
	return number, want, nil
}

// rightNumber reports whether ten digits end in their check digit.
func rightNumber(n string) bool {
	if len(n) != 10 || strings.Trim(n, "0123456789") != "" {
		return false
	}
	digit, ok := checkDigit(n[:9])
	return ok && byte('0'+digit) == n[9]
}

func refuse(w http.ResponseWriter, status int, code, kind, why string) {
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(status)
	w.Write(object("resourceType", "OperationOutcome", "meta", object("profile", list(quoted(stu3+"StructureDefinition/GPConnect-OperationOutcome-1"))),
		"issue", list(object("severity", "error", "code", kind, "details", conceptOf(gpcErrors, code, code), "diagnostics", why))))
}
