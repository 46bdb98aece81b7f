package triage

import (
	"context"
	"strconv"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// Items of a QuestionnaireResponse that are no questions.
const textItem, channelItem, packItem = "text", "channel", "pack"

const answers = urn + "answer" // the system of answers that are neither yes nor no: unknown, band-0, …

// kept is an interview with the QuestionnaireResponse that it is kept in.
type kept struct {
	who       access.Actor
	version   int64 // of the response that was read; 0 for a new one
	response  *r4.QuestionnaireResponse
	interview *Interview
}

// say sets the answer of an item that stands once.
func (k *kept) say(link string, answer r4.QuestionnaireResponseItemAnswer) {
	item := r4.QuestionnaireResponseItem{LinkId: link, Answer: []r4.QuestionnaireResponseItemAnswer{answer}}
	for i := range k.response.Item {
		if k.response.Item[i].LinkId == link {
			k.response.Item[i] = item
			return
		}
	}
	k.response.Item = append(k.response.Item, item)
}

func (k *kept) choose(p *Pack) {
	k.say(packItem, r4.QuestionnaireResponseItemAnswer{ValueString: p.Name + " " + p.Version})
}

// said is the answer of an item that stands once.
func (k *kept) said(link string) (a r4.QuestionnaireResponseItemAnswer) {
	for _, item := range k.response.Item {
		if item.LinkId == link && len(item.Answer) > 0 {
			return item.Answer[0]
		}
	}
	return a
}

// answer writes what was answered: below the question an item for each finding.
func (k *kept) answer(lex *Lexicon, a *Ask, yes []Tri, band int) {
	group := r4.QuestionnaireResponseItem{LinkId: a.Key(), Text: a.Text}
	for i, n := range a.Items {
		f := lex.Findings[n]
		item := r4.QuestionnaireResponseItem{LinkId: f.ID, Text: f.Name}
		var v r4.QuestionnaireResponseItemAnswer
		switch {
		case f.Number != nil && band >= 0:
			v.ValueCoding = &r4.Coding{System: answers, Code: "band-" + strconv.Itoa(band), Display: a.Bands[band].Name}
		case f.Number == nil && yes[i] != Unknown:
			is := yes[i] == Yes
			v.ValueBoolean = &is
		default:
			v.ValueCoding = &r4.Coding{System: answers, Code: "unknown", Display: "Not sure"}
		}
		item.Answer = []r4.QuestionnaireResponseItemAnswer{v}
		group.Item = append(group.Item, item)
	}
	k.response.Item = append(k.response.Item, group)
}

// load reads an interview and leads it again to where it stands. A pack that has changed since cannot go on with old answers.
func (s *Service) load(ctx context.Context, who access.Actor, id string) (*kept, error) {
	stored, err := s.Door.Get(ctx, me, "QuestionnaireResponse", id)
	if err != nil {
		return nil, err
	}
	res, err := stored.Resource()
	if err != nil {
		return nil, err
	}
	k := &kept{who: who, version: stored.Version, response: new(r4.QuestionnaireResponse)}
	if err := r4.Decode(res, k.response); err != nil {
		return nil, err
	}
	if k.response.Subject == nil || !strings.HasPrefix(k.response.Questionnaire, urn) {
		return nil, fhir.Errorf(fhir.NotFound, "QuestionnaireResponse/%s is no interview of triage", id)
	}
	patient := strings.TrimPrefix(k.response.Subject.Reference, "Patient/")
	// One's own is one's own, however well one has proved who one is; whoever began it for somebody goes on with it, also where their role reads no records.
	if who.Patient != patient && !wrote(who, k.response.Author) {
		if _, err := s.Door.Get(ctx, who, "QuestionnaireResponse", id); err != nil {
			return nil, err
		}
	}
	person, err := s.Book.PersonOf(ctx, s.Door, me, patient, s.now())
	if err != nil {
		return nil, err
	}
	k.interview = s.Book.Begin(k.said(textItem).ValueString, person, s.Settings)
	name, version, _ := strings.Cut(k.said(packItem).ValueString, " ")
	p := s.Book.Pack(name)
	if p == nil || p.Version != version {
		return nil, fhir.Errorf(fhir.Conflict, "the questions have changed since %s %s: begin again", name, version)
	}
	k.interview.Choose(p)
	for _, group := range k.response.Item {
		k.replay(s.Book.Lexicon, group)
	}
	return k, nil
}

// replay gives a kept answer again.
func (k *kept) replay(lex *Lexicon, group r4.QuestionnaireResponseItem) {
	for _, q := range k.interview.pending {
		if q.key != group.LinkId {
			continue
		}
		a := &Ask{question: q}
		var yes []Tri
		number := Open()
		for _, item := range group.Item {
			n, ok := lex.byID[item.LinkId]
			if !ok || len(item.Answer) == 0 {
				continue
			}
			v := Unknown
			if is := item.Answer[0].ValueBoolean; is != nil {
				v = map[bool]Tri{true: Yes, false: No}[*is]
			}
			if f := lex.Findings[n]; f.Number != nil {
				a.Bands, a.most = f.Number.Bands, f.Number.Max
				if c := item.Answer[0].ValueCoding; c != nil && strings.HasPrefix(c.Code, "band-") {
					if band, err := strconv.Atoi(c.Code[len("band-"):]); err == nil {
						number = a.Span(band)
					}
				}
			}
			a.Items, yes = append(a.Items, n), append(yes, v)
		}
		k.interview.Answer(a, yes, number)
		return
	}
}

// keep writes the interview, and at its end what came of it, in one commit.
func (s *Service) keep(ctx context.Context, k *kept) (*Case, error) {
	op := record.Op{Method: record.Create, Type: "QuestionnaireResponse"}
	if k.version > 0 {
		op = record.Op{Method: record.Update, Type: "QuestionnaireResponse", ID: k.response.ID, IfMatch: k.version}
	}
	p := k.interview.Pack // an answer may have led to another than was chosen
	k.response.Questionnaire = urn + p.Name + ":questionnaire|" + p.Version
	next := k.interview.Next()
	if next == nil {
		k.response.Status = "completed"
	}
	var err error
	if op.Resource, err = r4.Resource(k.response); err != nil {
		return nil, err
	}
	const self = "urn:uuid:6d1f7f3a-6a53-4c4b-9d0e-4f6d7a0c2b11" // stands for the response until it has an id
	op.FullURL = self
	ops := []record.Op{op}
	if next == nil {
		response := self
		if k.version > 0 {
			response = "QuestionnaireResponse/" + k.response.ID
		}
		more, err := s.results(k, k.interview.Outcome(), response)
		if err != nil {
			return nil, err
		}
		ops = append(ops, more...)
	}
	results, err := s.Door.Commit(ctx, me, ops)
	if err != nil {
		return nil, err
	}
	k.response.ID, k.version = results[0].ID, results[0].Version
	c, err := s.caseOf(ctx, k)
	for _, r := range results {
		if c != nil && r.Type == "Task" {
			c.Task = r.ID
		}
	}
	return c, err
}

// caseOf is where the interview stands, with only those facts of the record that whoever asks may read.
func (s *Service) caseOf(ctx context.Context, k *kept) (*Case, error) {
	i := k.interview
	c := &Case{ID: k.response.ID, Patient: strings.TrimPrefix(k.response.Subject.Reference, "Patient/"), Text: k.said(textItem).ValueString, At: k.response.Authored.Low(), Pack: i.Pack, Candidates: i.Candidates, Ask: i.Next()}
	if c.SoFar, _, _ = i.level(i.state); c.Ask != nil {
		return c, nil
	}
	c.Outcome = i.Outcome()
	var seen []UsedFact
	for _, f := range c.Outcome.Facts {
		typ, id, _ := strings.Cut(f.From, "/")
		_, err := s.Door.Get(ctx, k.who, typ, id)
		switch kind := fhir.KindOf(err); {
		case err == nil:
			seen = append(seen, f)
		case kind != fhir.Forbidden && kind != fhir.NotFound && kind != fhir.Gone:
			return nil, err
		}
	}
	c.Outcome.Facts = seen
	return c, nil
}
