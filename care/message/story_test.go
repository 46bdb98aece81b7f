package message

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

var (
	nurse = access.Actor{ID: "Practitioner/bell", Name: "Nurse Bell", Role: "nurse", Organization: "A", Purpose: "TREAT"}
	start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC) // a Tuesday
)

// TestStories plays testdata/*.txtar on both databases. What comes before "-- story --" is for the reader; each line after it is one of
//
//	patient ID NAME [email ADDRESS] [mobile NUMBER] [phone NUMBER] [address] [welsh] [dead]
//	needs ID [channel C] [format F] [language L]   what somebody says themselves
//	now TIME | now +DURATION                       London's clock
//	writes ID "WORDS" [with a photograph]          a person writes to their practice
//	answers ID "WORDS"                             staff answer the newest thread
//	tells ID "WORDS"                               staff write to somebody first
//	closes ID "WHY" | reads ID | claims            the person closes or reads; a nurse takes up what waits
//	remind ID at TIME about TIME "WORDS"           somebody asks for a reminder of an appointment
//	revoke                                         … and takes it back
//	mail|text works|refuses|is busy|is unsure      how carriers are
//	bounces|reply by mail|text "WORDS" [from ADDRESS]   about what was sent last
//	expect mail N|text N|letters N                 how many left the house, in all
//	expect letter has|lacks "WORDS"
//	expect task CODE OWNER|no task|thread N|closed|unread N|failure "WHY"|no failure|text "WORDS"
//	stop | start                                   the program is killed, and comes back
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db string) { play(t, db, file) })
		})
	}
}

// carriers keep what they were given.
type carriers struct {
	mu      sync.Mutex
	how     map[string]string // mail, text: works, refuses, busy, unsure
	mails   []string
	texts   []string
	keys    []string
	letters []string
	twice   bool // a key came a second time
}

func (c *carriers) take(by, key, what string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.how[by] {
	case "refuses":
		return "", fhir.Errorf(fhir.Unprocessable, "it refuses the address")
	case "busy":
		return "", fhir.Errorf(fhir.Busy, "it does not answer")
	}
	c.twice = c.twice || slices.Contains(c.keys, key)
	c.keys = append(c.keys, key)
	switch by {
	case "mail":
		c.mails = append(c.mails, what)
	case "text":
		c.texts = append(c.texts, what)
	default:
		c.letters = append(c.letters, what)
	}
	if c.how[by] == "unsure" {
		return "", fhir.Errorf(fhir.Broken, "no answer came")
	}
	return "id", nil
}

func (c *carriers) Mail(_ context.Context, key, to, subject, text string) (string, error) {
	return c.take("mail", key, to+"\n"+subject+"\n"+text)
}

func (c *carriers) Text(_ context.Context, key, to, text string) (string, error) {
	return c.take("text", key, to+"\n"+text)
}

func (c *carriers) Print(_ context.Context, key, kind, ending string, file []byte) (string, error) {
	return c.take("print", key, kind+"\n"+string(file))
}

// story is a record, its clock, and messages.
type story struct {
	t    *testing.T
	door *record.Door
	now  atomic.Int64
	out  *carriers
	s    *Service
	n    int
	stop func() // nil while the program is killed
}

func begin(t *testing.T, db string) *story {
	t.Helper()
	y := &story{t: t, out: &carriers{how: map[string]string{}}}
	y.now.Store(start.UnixNano())
	door, err := record.Open(context.Background(), record.Options{DB: db, Policy: access.Everyone{}, Now: y.clock})
	if err != nil {
		t.Fatal(err)
	}
	y.door = door
	y.put(`{"resourceType":"Organization","id":"a","name":"Mill Lane Surgery","identifier":[{"system":"`+odsSystem+`","value":"A"}],"telecom":[{"system":"phone","value":"01632 960100"}],"address":[{"line":["1 Mill Lane"],"city":"Merrowby","postalCode":"ZZ1 1AA"}]}`,
		`{"resourceType":"Location","id":"room","name":"Room 3","address":{"line":["1 Mill Lane"],"city":"Merrowby"}}`)
	y.start()
	t.Cleanup(func() {
		if y.stop != nil {
			y.stop()
		}
		door.Close()
	})
	return y
}

func (y *story) clock() time.Time { return time.Unix(0, y.now.Load()).UTC() }

func (y *story) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	y.s = &Service{Door: y.door, Name: "Merrowby Shared Record", Link: "https://kith.example/my/messages", Contact: "01632 960000", Mail: y.out, Text: y.out, Print: y.out, Now: y.clock, Every: 50 * time.Millisecond}
	go func() { defer close(done); y.s.Run(ctx) }()
	y.stop = func() { cancel(); <-done }
}

func (y *story) put(resources ...string) {
	y.t.Helper()
	for _, text := range resources {
		res, err := fhir.Parse([]byte(text))
		if err != nil {
			y.t.Fatalf("%v: %s", err, text)
		}
		if _, err := y.door.Commit(y.t.Context(), nurse, []record.Op{{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}}); err != nil {
			y.t.Fatal(err)
		}
	}
}

func play(t *testing.T, db, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, lines, ok := strings.Cut(string(text), "-- story --\n")
	if !ok {
		t.Fatal("no story")
	}
	y := begin(t, db)
	for i, line := range strings.Split(lines, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := y.do(line); err != nil {
			t.Fatalf("%s, line %d of the story, %s: %v", file, i+1, line, err)
		}
	}
	if y.out.twice {
		t.Error("something was sent twice")
	}
}

// fields are the words of a line; what is quoted is one.
func fields(line string) (out []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

func (y *story) person(id string) access.Actor {
	return access.Actor{ID: "Patient/" + id, Name: id, Role: "patient", Patient: id, Level: access.P9}
}

// newest is somebody's newest thread that can be answered.
func (y *story) newest(id string) (*Thread, error) {
	threads, err := y.s.Threads(y.t.Context(), nurse, id)
	if err != nil {
		return nil, err
	}
	if len(threads) == 0 {
		return nil, fmt.Errorf("%s has no messages", id)
	}
	return &threads[0], nil
}

func (y *story) do(line string) error {
	f, ctx := fields(line), y.t.Context()
	y.now.Add(int64(time.Second)) // no two things happen in one moment
	switch f[0] {
	case "patient":
		y.patient(f[1:])
	case "needs":
		var c need.Choice
		for i := 2; i+1 < len(f); i += 2 {
			switch f[i] {
			case "channel":
				c.Channel = need.Channel(f[i+1])
			case "format":
				c.Format = need.Format(f[i+1])
			case "language":
				c.Language = f[i+1]
			}
		}
		return y.s.needs().Set(ctx, y.person(f[1]), f[1], c)
	case "now":
		return y.at(f[1])
	case "writes":
		d := Draft{Patient: f[1], To: "Organization/a", Subject: "A question", Words: f[2], Once: y.once()}
		if t, err := y.newest(f[1]); err == nil && t.Answerable() {
			d.Thread = t.ID
		}
		if len(f) > 3 {
			p, err := Clean(picture(y.t))
			if err != nil {
				return err
			}
			d.Photos = []Photo{p}
		}
		for range 2 { // sending a form twice sends one message
			if _, err := y.s.Write(ctx, y.person(f[1]), d); err != nil {
				return err
			}
		}
	case "answers":
		t, err := y.newest(f[1])
		if err != nil {
			return err
		}
		_, err = y.s.Write(ctx, nurse, Draft{Patient: f[1], Thread: t.ID, Words: f[2]})
		return err
	case "tells":
		_, err := y.s.Write(ctx, nurse, Draft{Patient: f[1], To: "Organization/a", Subject: "Your blood test", Words: f[2]})
		return err
	case "closes":
		t, err := y.newest(f[1])
		if err != nil {
			return err
		}
		return y.s.Close(ctx, y.person(f[1]), f[1], t.ID, f[2], false)
	case "reads":
		t, err := y.newest(f[1])
		if err != nil {
			return err
		}
		return y.s.Seen(ctx, y.person(f[1]), t, true)
	case "claims":
		items, err := y.s.Waiting(ctx, nurse)
		if err != nil || len(items) == 0 {
			return fmt.Errorf("nothing waits: %v", err)
		}
		return y.s.Claim(ctx, nurse, items[0].Task)
	case "remind":
		return y.remind(f[1:])
	case "revoke":
		_, err := y.door.Commit(ctx, nurse, []record.Op{change("CommunicationRequest", "reminder", func(r *r4.CommunicationRequest) { r.Status = "revoked" })})
		return err
	case "mail", "text":
		y.settle()
		y.out.mu.Lock()
		y.out.how[f[0]] = f[len(f)-1]
		y.out.mu.Unlock()
	case "bounces", "reply":
		return y.back(f)
	case "expect":
		return y.expect(f[1:])
	case "stop":
		y.settle()
		y.stop()
		y.stop = nil
	case "start":
		y.start()
	default:
		return fmt.Errorf("nobody knows %q", f[0])
	}
	return nil
}

func (y *story) once() string { y.n++; return fmt.Sprint(y.n) }

func (y *story) patient(f []string) {
	telecom, rest := []string{}, ""
	for i := 2; i < len(f); i++ {
		switch f[i] {
		case "email":
			i++
			telecom = append(telecom, fmt.Sprintf(`{"system":"email","value":%q}`, f[i]))
		case "mobile", "phone":
			use := map[string]string{"mobile": "mobile", "phone": "home"}[f[i]]
			i++
			telecom = append(telecom, fmt.Sprintf(`{"system":"phone","use":%q,"value":%q}`, use, f[i]))
		case "address":
			rest += `,"address":[{"line":["4 Tŷ Gwyn Terrace"],"city":"Merrowby","postalCode":"ZZ1 2BB"}]`
		case "welsh":
			rest += `,"communication":[{"language":{"coding":[{"code":"cy"}]},"preferred":true}]`
		case "dead":
			rest += `,"deceasedBoolean":true`
		}
	}
	if len(telecom) > 0 {
		rest += `,"telecom":[` + strings.Join(telecom, ",") + `]`
	}
	y.put(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"use":"official","prefix":["Mrs"],"family":%q}],"managingOrganization":{"reference":"Organization/a"}%s}`, f[0], f[1], rest))
}

func (y *story) at(when string) error {
	y.settle()
	if d, ok := strings.CutPrefix(when, "+"); ok {
		by, err := time.ParseDuration(d)
		if err != nil {
			return err
		}
		y.now.Add(int64(by))
	} else {
		t, err := time.ParseInLocation("2006-01-02T15:04", when, london.Zone)
		if err != nil {
			return err
		}
		y.now.Store(t.UnixNano())
	}
	y.settle()
	return nil
}

func (y *story) remind(f []string) error {
	var times []string
	for _, text := range []string{f[2], f[4]} {
		t, err := time.ParseInLocation("2006-01-02T15:04", text, london.Zone)
		if err != nil {
			return err
		}
		times = append(times, t.Format(time.RFC3339))
	}
	y.put(fmt.Sprintf(`{"resourceType":"Appointment","id":"app","status":"booked","start":%q,"end":%q,"participant":[{"actor":{"reference":"Patient/%s"},"status":"accepted"},{"actor":{"reference":"Location/room"},"status":"accepted"}]}`, times[1], times[1], f[0]),
		fmt.Sprintf(`{"resourceType":"CommunicationRequest","id":"reminder","status":"active","category":[{"coding":[{"system":"urn:kith:message","code":"reminder"}]}],"subject":{"reference":"Patient/%s"},"recipient":[{"reference":"Patient/%s"}],"sender":{"reference":"Organization/a","display":"Mill Lane Surgery"},"about":[{"reference":"Appointment/app"}],"medium":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationMode","code":"SMSWRIT"}]}],"occurrenceDateTime":%q,"reasonCode":[{"text":"Your appointment"}],"payload":[{"contentString":%q}]}`,
			f[0], f[0], times[0], f[5]))
	return nil
}

// back is something that comes back about what was sent last.
func (y *story) back(f []string) error {
	y.settle()
	y.out.mu.Lock()
	key := ""
	if len(y.out.keys) > 0 {
		key = y.out.keys[len(y.out.keys)-1]
	}
	y.out.mu.Unlock()
	if f[0] == "bounces" {
		return y.s.Bounced(y.t.Context(), key, "there is no such address")
	}
	in := Inbound{ID: y.once(), Medium: map[string]string{"mail": "email", "text": "text"}[f[2]], Words: f[3], Key: key}
	if in.Medium == "text" {
		in.Key = ""
	}
	if in.From = "07700 900123"; in.Medium == "email" {
		in.From = "Ada@Example.org"
	}
	if len(f) > 5 {
		in.From = f[5]
	}
	for range 2 { // gateways tell things twice
		if err := y.s.Came(y.t.Context(), in); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until everything is looked at and sent that is due.
func (y *story) settle() {
	y.t.Helper()
	if y.stop == nil {
		return
	}
	quiet := 0
	for range 600 {
		time.Sleep(25 * time.Millisecond)
		behind, err := y.door.Behind(y.t.Context(), follower)
		if err != nil {
			y.t.Fatal(err)
		}
		if behind > 0 || y.pending() {
			quiet = 0
		} else if quiet++; quiet == 4 {
			return
		}
	}
}

// pending reports whether something about a delivery is to be done now. A program that is killed does nothing.
func (y *story) pending() bool {
	y.t.Helper()
	now := y.clock()
	items, err := y.s.box().List(y.t.Context(), deliveryKind, "", 100)
	if err != nil {
		y.t.Fatal(err)
	}
	for _, it := range items {
		var d delivery
		if err := json.Unmarshal(it.Value, &d); err != nil {
			y.t.Fatal(err)
		}
		if d.Over != "" {
			continue
		}
		if d.Steps == nil {
			if strings.HasPrefix(d.Ref, "Communication/") {
				return true
			}
			r, ok, err := get[r4.CommunicationRequest](y.t.Context(), y.s, nurse, d.Ref)
			if err != nil {
				y.t.Fatal(err)
			}
			if !ok || !now.Before(occurs(&r)) {
				return true
			}
			continue
		}
		cur := &d.Steps[d.At]
		if _, next := d.due(now); next || cur.State == sending || cur.State == planned && !now.Before(cur.Until) && !decent(cur.Channel, d.Urgent, now).After(now) {
			return true
		}
	}
	return false
}

func (y *story) expect(f []string) (err error) {
	for range 60 {
		if err = y.is(f); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err == nil && (f[0] == "mail" || f[0] == "text" || f[0] == "letters" || f[0] == "no") { // and no more comes
		y.settle()
		return y.is(f)
	}
	return err
}

func (y *story) is(f []string) error {
	y.out.mu.Lock()
	mails, texts, letters := slices.Clone(y.out.mails), slices.Clone(y.out.texts), slices.Clone(y.out.letters)
	y.out.mu.Unlock()
	count := func(have []string) error {
		if fmt.Sprint(len(have)) != f[1] {
			return fmt.Errorf("there are %d: %q", len(have), have)
		}
		return nil
	}
	switch f[0] {
	case "mail":
		return count(mails)
	case "letters":
		return count(letters)
	case "text":
		if len(f[1]) < 3 {
			return count(texts)
		}
		if len(texts) == 0 || !strings.Contains(texts[len(texts)-1], f[1]) {
			return fmt.Errorf("the texts are %q", texts)
		}
		return nil
	case "letter":
		all := ""
		if len(letters) > 0 {
			all = letters[len(letters)-1]
		}
		if strings.Contains(all, f[2]) != (f[1] == "has") {
			return fmt.Errorf("the letter is %q", all)
		}
		return nil
	case "task", "no":
		if f[0] == "no" && f[1] == "failure" {
			return y.failure("")
		}
		return y.task(f)
	case "failure":
		return y.failure(f[1])
	}
	t, err := y.newest(f[len(f)-1])
	if err != nil {
		return err
	}
	switch f[0] {
	case "thread":
		if fmt.Sprint(len(t.Entries)) != f[1] {
			return fmt.Errorf("it has %d entries", len(t.Entries))
		}
	case "unread":
		if fmt.Sprint(t.Unread(true)) != f[1] {
			return fmt.Errorf("%d are unread", t.Unread(true))
		}
	case "closed":
		if !t.Closed {
			return fmt.Errorf("it is open")
		}
	case "continues":
		if t.Continues == "" || t.Closed {
			return fmt.Errorf("it goes on from nothing: %+v", t)
		}
	case "photograph":
		full, err := y.s.Thread(y.t.Context(), nurse, t.Patient, t.ID)
		if err != nil || len(full.Entries[len(full.Entries)-1].Photos) != 1 {
			return fmt.Errorf("it has no photograph: %+v %v", full, err)
		}
		raw, err := y.s.Picture(y.t.Context(), nurse, t.Patient, full.Entries[len(full.Entries)-1].Photos[0])
		if err != nil || !bytes.HasPrefix(raw, []byte("\xff\xd8\xff")) {
			return fmt.Errorf("it cannot be seen: %v", err)
		}
	default:
		return fmt.Errorf("nobody knows how to expect %q", f)
	}
	return nil
}

func (y *story) failure(why string) error {
	all, err := y.s.Failures(y.t.Context(), nurse, "", 30)
	if err != nil {
		return err
	}
	for _, one := range all {
		if why != "" && strings.Contains(one.Channel+": "+one.Why, why) {
			return nil
		}
	}
	if why == "" && len(all) == 0 {
		return nil
	}
	return fmt.Errorf("what failed is %+v", all)
}

func (y *story) task(f []string) error {
	items, err := y.s.Waiting(y.t.Context(), nurse)
	if err != nil {
		return err
	}
	if f[0] == "no" {
		if len(items) > 0 {
			return fmt.Errorf("there is %+v", items)
		}
		return nil
	}
	for _, i := range items {
		if i.Code == f[1] && strings.Contains(i.Owner+" "+i.Words+map[bool]string{true: " urgent"}[i.Urgent], f[2]) {
			return nil
		}
	}
	return fmt.Errorf("there is only %+v", items)
}

// picture is a small photograph.
func picture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewRGBA(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
