package triage

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
)

// Canonical names of what a pack is in FHIR.
const urn = "urn:kith:triage:"

const (
	sdcPopulate    = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-initialExpression"
	sdcLaunch      = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-launchContext"
	sdcHidden      = "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden"
	variable       = "http://hl7.org/fhir/StructureDefinition/variable"
	launchContexts = "http://hl7.org/fhir/uv/sdc/CodeSystem/launchContext"
	snomedURI      = "http://snomed.info/sct"
)

// Export is a pack in FHIR: a Questionnaire that fills itself from the record (SDC), a PlanDefinition whose conditions are FHIRPath over %answers, the
// QuestionnaireResponse, and an ActivityDefinition for each level. https://hl7.org/fhir/uv/sdc/populate.html
//
// FHIRPath knows yes and no only: in an export a number that nobody told is no, also under not.
func (b *Book) Export(p *Pack, settings Settings) (*r4.Bundle, error) {
	e := exporting{book: b, pack: p, settings: settings, asked: map[int]bool{}}
	out := &r4.Bundle{Type: "collection"}
	add := func(url string, x any) {
		res, err := r4.Resource(x)
		if err != nil && e.err == nil {
			e.err = err
		}
		out.Entry = append(out.Entry, r4.BundleEntry{FullUrl: url, Resource: res})
	}
	q, d := e.questionnaire(), e.plan()
	add(q.URL, q)
	add(d.URL, d)
	for l := SelfCare; l < Levels; l++ {
		a := e.activity(l)
		add(a.URL, a)
	}
	return out, e.err
}

type exporting struct {
	book     *Book
	pack     *Pack
	settings Settings
	asked    map[int]bool
	err      error
}

func (e *exporting) date(s string) fhir.DateTime {
	d, err := fhir.ParseDateTime(s)
	if err != nil && e.err == nil {
		e.err = err
	}
	return d
}

func yes() *bool { v := true; return &v }

func expression(url, name, language, text string) r4.Extension {
	value, _ := json.Marshal(struct { // a struct of strings is always JSON
		Name       string `json:"name,omitempty"`
		Language   string `json:"language"`
		Expression string `json:"expression"`
	}{name, language, text})
	return r4.Extension{URL: url, Element: r4.Element{More: r4.More{"valueExpression": value}}}
}

// recordQueries are the variables that hold what the record has; facts look in them.
var recordQueries = []struct{ name, query string }{
	{"conditions", "Condition?patient={{%patient.id}}&_count=1000"},
	{"medicines", "MedicationRequest?patient={{%patient.id}}&status=active&_count=1000"},
	{"allergies", "AllergyIntolerance?patient={{%patient.id}}&_count=1000"},
	{"events", "Procedure?patient={{%patient.id}}&_count=1000"},
}

func (e *exporting) questionnaire() *r4.Questionnaire {
	p := e.pack
	q := &r4.Questionnaire{ID: "triage-" + p.Name, URL: urn + p.Name + ":questionnaire", Version: p.Version, Name: "Triage" + camel(p.Name), Title: p.Title, Status: "draft", Experimental: yes(),
		SubjectType: []string{"Patient"}, Date: e.date(p.Reviewed), Publisher: p.Author, Description: "Questions of the triage pack " + p.Name + ". Not assured for anyone's care."}
	q.Extension = append(q.Extension, r4.Extension{URL: sdcLaunch, Element: r4.Element{Extension: []r4.Extension{
		{URL: "name", ValueCoding: &r4.Coding{System: launchContexts, Code: "patient"}}, {URL: "type", ValueCode: "Patient"}}}})
	for _, r := range recordQueries {
		q.Extension = append(q.Extension, expression(variable, r.name, "application/x-fhir-query", r.query))
	}
	for _, questions := range [][]Question{e.book.Shared.Screen, p.Screen, e.book.Shared.Questions, p.Questions} {
		for i := range questions {
			if item, ok := e.question(&questions[i]); ok {
				q.Item = append(q.Item, item)
			}
		}
	}
	rest := r4.QuestionnaireItem{LinkId: "not-asked", Text: "From the record and the person's own words", Type: "group"}
	rest.Extension = []r4.Extension{{URL: sdcHidden, ValueBoolean: yes()}}
	for _, n := range e.used() {
		if !e.asked[n] {
			rest.Item = append(rest.Item, e.item(n))
		}
	}
	if len(rest.Item) > 0 {
		q.Item = append(q.Item, rest)
	}
	return q
}

// question is one question; a finding that an earlier question has is left out.
func (e *exporting) question(q *Question) (r4.QuestionnaireItem, bool) {
	group := r4.QuestionnaireItem{LinkId: q.key, Text: q.Ask, Type: "group"}
	for _, n := range q.items {
		if !e.asked[n] {
			e.asked[n] = true
			group.Item = append(group.Item, e.item(n))
		}
	}
	if group.Text == "" {
		group.Text = e.book.Lexicon.Findings[q.items[0]].Ask
		if len(q.items) > 1 {
			group.Text = anyOfThese
		}
	}
	return group, len(group.Item) > 0
}

func (e *exporting) item(n int) r4.QuestionnaireItem {
	lex := e.book.Lexicon
	f := lex.Findings[n]
	item := r4.QuestionnaireItem{LinkId: f.ID, Text: f.Name, Type: "boolean"}
	if f.Number != nil {
		item.Type, item.Text = "decimal", f.Name+" ("+f.Number.Unit+")"
	} else if f.Ask != "" {
		item.Text = f.Ask
	}
	if f.Snomed != "" {
		item.Code = []r4.Coding{{System: snomedURI, Code: f.Snomed}}
	}
	if x := lex.populate(n); x != "" {
		item.Extension = []r4.Extension{expression(sdcPopulate, "", "text/fhirpath", x)}
	}
	return item
}

// populate is the FHIRPath that fills a fact from the record, "" for what the record does not have.
func (lex *Lexicon) populate(n int) string {
	f := lex.Findings[n]
	switch f.ID {
	case maleID, femaleID:
		return "%patient.gender = '" + f.ID + "'"
	case ageID:
		return "%patient.birthDate.duration(today(), 'year')"
	}
	if f.Record == nil {
		return ""
	}
	from := map[string]string{"pregnancy": "conditions"}[f.Record.In]
	if from == "" {
		from = f.Record.In
	}
	code := "code"
	if from == "medicines" {
		code = "medication.ofType(CodeableConcept)"
	}
	var any []string
	if len(f.Record.Codes) > 0 {
		any = append(any, "coding.where(code in ('"+strings.Join(f.Record.Codes, "' | '")+"')).exists()")
	}
	var words []string
	for _, says := range f.Says {
		for _, w := range expand(says) {
			words = append(words, strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(w, "=")), "'", `\'`))
		}
	}
	if len(words) > 0 {
		any = append(any, "(text | coding.display).lower().where($this.matches('"+strings.Join(words, "|")+"')).exists()")
	}
	if len(any) == 0 {
		return ""
	}
	return "%" + from + ".entry.resource." + code + ".where(" + strings.Join(any, " or ") + ").exists()"
}

// used are the findings that rules of the pack, and the shared floors, use, each once.
func (e *exporting) used() (out []int) {
	add := func(r *Rule) {
		for _, n := range r.uses {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, p := range []*Pack{e.pack, e.book.Shared} {
		for _, f := range p.Floors {
			add(f.when)
		}
	}
	for _, w := range e.pack.Score.Weights {
		add(w.when)
	}
	for _, g := range e.pack.Benign {
		add(g.when)
	}
	return out
}

var priorities = [Levels]string{"routine", "routine", "urgent", "asap", "stat"}

func (e *exporting) plan() *r4.PlanDefinition {
	p := e.pack
	d := &r4.PlanDefinition{ID: "triage-" + p.Name, URL: urn + p.Name + ":plan", Version: p.Version, Name: "Triage" + camel(p.Name), Title: p.Title, Status: "draft", Experimental: yes(),
		Type: &r4.CodeableConcept{Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/plan-definition-type", Code: "eca-rule"}}},
		Date: e.date(p.Reviewed), Publisher: p.Author, Description: "Triage pack " + p.Name + ": %answers is the QuestionnaireResponse. The most urgent action that applies is the outcome. Not assured for anyone's care."}
	for _, of := range []*Pack{e.book.Shared, p} {
		for _, f := range of.Floors {
			a := e.action(f.Level, of.Name+"/"+f.ID+" ("+f.Hazard+")", f.Says, f.when.fhirPath(e.book.Lexicon))
			source := of.Sources[f.Source]
			a.Documentation = []r4.RelatedArtifact{{Type: "citation", Display: source.Title, URL: source.URL}}
			d.Action = append(d.Action, a)
		}
	}
	sum := e.sum()
	for level, cut := range e.cuts() {
		if l := Level(level); l > SelfCare {
			d.Action = append(d.Action, e.action(l, "score of "+strconv.Itoa(cut)+" points or more", fmt.Sprintf("The decision with least expected cost at λ = %g.", e.settings.lambda()), sum+" >= "+strconv.Itoa(cut)))
		}
	}
	d.Action = append(d.Action, e.action(SelfCare, "otherwise", "Nothing speaks for more.", "true"))
	return d
}

func (e *exporting) action(l Level, title, description, condition string) r4.PlanDefinitionAction {
	return r4.PlanDefinitionAction{Title: title, Description: description, Priority: priorities[l], DefinitionCanonical: urn + e.pack.Name + ":" + l.String(),
		Condition: []r4.PlanDefinitionActionCondition{{Kind: "applicability", Expression: &r4.Expression{Language: "text/fhirpath", Expression: condition}}}}
}

// sum is the score as FHIRPath.
func (e *exporting) sum() string {
	terms := []string{strconv.Itoa(e.pack.Score.Base)}
	add := func(r *Rule, by int) {
		terms = append(terms, "iif("+r.fhirPath(e.book.Lexicon)+", "+strconv.Itoa(by)+", 0)")
	}
	for _, w := range e.pack.Score.Weights {
		add(w.when, w.Add)
	}
	for _, g := range e.pack.Benign {
		add(g.when, g.Add)
	}
	return "(" + strings.Join(terms, " + ") + ")"
}

// cuts are the fewest whole points from which each level, or a more urgent one, is decided.
func (e *exporting) cuts() (out [Levels]int) {
	most := e.pack.Score.Thresholds[Levels-2] + 200
	for l := Routine; l < Levels; l++ {
		out[l] = most
		for pts := most; pts > -200 && e.pack.decide(float64(pts), SelfCare, e.settings.lambda()) >= l; pts-- {
			out[l] = pts
		}
	}
	return out
}

func (e *exporting) activity(l Level) *r4.ActivityDefinition {
	p := e.pack
	a := &r4.ActivityDefinition{ID: "triage-" + p.Name + "-" + l.String(), URL: urn + p.Name + ":" + l.String(), Version: p.Version, Name: "Triage" + camel(p.Name+"-"+l.String()), Title: l.Title(), Status: "draft", Experimental: yes(),
		Date: e.date(p.Reviewed), Publisher: p.Author, Kind: "Task", Intent: "proposal", Priority: priorities[l]}
	advice, of := e.book.adviceOf(p, l)
	if advice != nil {
		a.Description = strings.Join(slices.Concat(advice.Do, advice.SafetyNet), "\n")
		source := of.Sources[advice.Source]
		a.RelatedArtifact = []r4.RelatedArtifact{{Type: "citation", Display: source.Title, URL: source.URL}}
	}
	return a
}

// fhirPath is the rule over %answers, a QuestionnaireResponse whose items have the ids of findings.
func (r *Rule) fhirPath(lex *Lexicon) string { return r.node.fhirPath(lex) }

func (n *node) fhirPath(lex *Lexicon) string {
	switch n.kind {
	case nodeFinding:
		return "%answers.repeat(item).where(linkId = '" + lex.Findings[n.finding].ID + "').answer.value.where($this = true).exists()"
	case nodeCompare:
		return "%answers.repeat(item).where(linkId = '" + lex.Findings[n.finding].ID + "').answer.value.where($this " + n.compare + " " + strconv.FormatFloat(n.value, 'f', -1, 64) + ").exists()"
	case nodeNot:
		return n.parts[0].fhirPath(lex) + ".not()"
	}
	var parts []string
	for i := range n.parts {
		parts = append(parts, n.parts[i].fhirPath(lex))
	}
	switch n.kind {
	case nodeAnd:
		return "(" + strings.Join(parts, " and ") + ")"
	case nodeOr:
		return "(" + strings.Join(parts, " or ") + ")"
	}
	for i := range parts {
		parts[i] = "iif(" + parts[i] + ", 1, 0)"
	}
	return "(" + strings.Join(parts, " + ") + " >= " + strconv.Itoa(n.of) + ")"
}

// camel makes fever-child to FeverChild, as names of definitions are written.
func camel(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}
