package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/message"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/town"
)

// demoTalk is a conversation that the demonstration has in it: what a person and their practice say in turn, the person first unless it says otherwise.
type demoTalk struct {
	subject string
	staff   bool // staff begin
	say     []string
	photo   bool
	close   string // the person closes it, with this reason
	need    need.Choice
}

var demoTalks = []demoTalk{
	{subject: "My tablets", say: []string{"I have felt dizzy since the new tablets. Should I go on taking them?"}},
	{subject: "A rash on my arm", say: []string{"It came on Sunday and it itches. Here is a photograph."}, photo: true},
	{subject: "Repeat of my inhaler", say: []string{"I have one inhaler left. May I have another?", "It is at the pharmacy in Market Street from tomorrow. Please bring the old one back."}},
	{subject: "Your blood test", staff: true, say: []string{"Your blood test is normal. You need do nothing. We test again in a year."}, need: need.Choice{Channel: need.Letter, Format: need.LargePrint}},
	{subject: "Eich adolygiad asthma", staff: true, say: []string{"Mae'n amser eich adolygiad asthma. Ffoniwch ni i drefnu apwyntiad."}, need: need.Choice{Channel: need.Letter, Language: "cy"}},
	{subject: "Your hearing appointment", staff: true, say: []string{"The hearing clinic will write to you next month."}, need: need.Choice{Channel: need.Letter, Format: need.Braille}},
	{subject: "Wound on my foot", say: []string{"The dressing came off. Can I put a plaster on?", "Yes, a clean dry plaster. Come on Thursday as planned."}, close: "Thank you, it is fine now"},
}

// talks has some of the town's people and their practices write to each other, once.
func (p *passing) talks(ctx context.Context) error {
	as := p.board.Desk.Who
	page, err := p.door.Find(ctx, as, "Communication?identifier=urn:kith:thread|&_count=1")
	if err != nil || len(page.Matches) > 0 {
		return err
	}
	people, err := p.reachable(ctx, len(demoTalks))
	if err != nil {
		return err
	}
	m := &message.Service{Door: p.door, Name: town.Name}
	needs := &need.Service{Door: p.door}
	nurse := access.Actor{ID: "Practitioner/demo-nurse", Name: "Nurse Bell", Role: "nurse", Purpose: "TREAT"}
	for i, who := range people {
		talk := &demoTalks[i]
		person := access.Actor{ID: "Patient/" + who, Role: "patient", Patient: who, Level: access.P9, Purpose: "PATRQT"}
		if talk.need != (need.Choice{}) {
			if err := needs.Set(ctx, person, who, talk.need); err != nil {
				return err
			}
		}
		teams, err := m.Teams(ctx, person, who)
		if err != nil {
			return err
		}
		if len(teams) == 0 {
			continue
		}
		// A nurse of that practice, who looks after the person.
		if nurse.Organization, err = p.odsOf(ctx, teams[0]); err != nil {
			return err
		}
		if err := p.talk(ctx, m, talk, person, nurse, teams[0].Ref); err != nil {
			return err
		}
	}
	return nil
}

// odsOf is the ODS code of a team's organisation.
func (p *passing) odsOf(ctx context.Context, team message.Team) (string, error) {
	ref := fhir.ParseReference(team.Ref)
	stored, err := p.door.Get(ctx, p.board.Desk.Who, ref.Type, ref.ID)
	if err != nil {
		return "", err
	}
	res, err := stored.Resource()
	if err != nil {
		return "", err
	}
	for id := range res.Root().Get("identifier").Items() {
		if id.Get("system").Is("https://fhir.nhs.uk/Id/ods-organization-code") {
			return id.Get("value").Text(), nil
		}
	}
	return "", nil
}

// talk writes one conversation.
func (p *passing) talk(ctx context.Context, m *message.Service, talk *demoTalk, person, nurse access.Actor, to string) error {
	thread := ""
	for n, words := range talk.say {
		who := person
		if (n%2 == 1) != talk.staff {
			who = nurse
		}
		d := message.Draft{Patient: person.Patient, Thread: thread, To: to, Subject: talk.subject, Words: words}
		if talk.photo && n == 0 {
			photo, err := message.Clean(demoRash())
			if err != nil {
				return err
			}
			d.Photos = []message.Photo{photo}
		}
		var err error
		if thread, err = m.Write(ctx, who, d); err != nil {
			return err
		}
	}
	if talk.close == "" {
		return nil
	}
	return m.Close(ctx, person, person.Patient, thread, talk.close, false)
}

// reachable are people with a practice and an address, in no order that means anything but always the same.
func (p *passing) reachable(ctx context.Context, n int) ([]string, error) {
	var all []string
	for m, err := range p.door.All(ctx, p.board.Desk.Who, "EpisodeOfCare?status=active") {
		if err != nil {
			return nil, err
		}
		res, err := m.Resource()
		if err != nil {
			return nil, err
		}
		var e r4.EpisodeOfCare
		if err := r4.Decode(res, &e); err != nil {
			return nil, err
		}
		if id, ok := strings.CutPrefix(e.Patient.Reference, "Patient/"); ok && e.ManagingOrganization != nil && !slices.Contains(all, id) {
			all = append(all, id)
		}
		if len(all) == 200 {
			break
		}
	}
	slices.Sort(all)
	needs := &need.Service{Door: p.door}
	var out []string
	for _, id := range all {
		known, err := needs.Known(ctx, p.board.Desk.Who, id)
		if err != nil {
			return nil, err
		}
		if len(known.Address) > 1 && !known.Died {
			out = append(out, id)
		}
		if len(out) == n {
			break
		}
	}
	return out, nil
}

// demoRash is a drawing of red spots on skin, as JPEG: nobody's.
func demoRash() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			img.Set(x, y, color.RGBA{uint8(214 - y/16), uint8(176 - y/12), 148, 255})
		}
	}
	for _, spot := range []image.Point{{180, 140}, {260, 210}, {330, 160}, {300, 300}, {420, 260}, {230, 330}, {470, 180}} {
		for y := -22; y <= 22; y++ {
			for x := -26; x <= 26; x++ {
				if x*x*3+y*y*4 < 1800 {
					img.Set(spot.X+x, spot.Y+y, color.RGBA{196, 84, 78, 255})
				}
			}
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		panic("demo: " + err.Error()) // a picture of ours
	}
	return out.Bytes()
}
