package carry

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Link is a link to a summary, as its maker sees it later: what it leads to and its key are not in it.
type Link struct {
	ID      string
	Patient string
	Label   string // what its maker calls it
	Made    time.Time
	By      string // who made it
	Until   time.Time
	Coded   bool // it asks for a passcode
	Tries   int  // how often the passcode may still be wrong
	Views   int
	Last    time.Time // when it was opened last, zero for never
	Revoked time.Time // zero while it holds
}

// Ended reports whether the link leads nowhere any more.
func (l *Link) Ended(now time.Time) bool {
	return !l.Revoked.IsZero() || !now.Before(l.Until) || l.Coded && l.Tries <= 0
}

// stored is a link as it is kept.
type stored struct {
	Link
	Salt, Passcode []byte // of the passcode, stretched; nil for none
	Sealed         string // the document as a JWE; "" once the link has ended
}

// Ask is a wish for a link.
type Ask struct {
	Patient  string
	Label    string // at most 80 letters
	Life     time.Duration
	Passcode string         // "" for none, otherwise at least 6 letters or digits
	Document *fhir.Resource // what it leads to, as of now
}

// Opener is the ID of whoever opens a link, in the audit: somebody who has it, of whom nothing else is known.
const Opener = "kith/link"

// Limits of links.
const (
	LongestLife  = 30 * 24 * time.Hour
	mostTries    = 5
	leastLetters = 6
	mostLinks    = 20 // that hold, of one person
	stretch      = 200_000
)

// Make makes a link. The token is the only way to what it leads to: it is shown once and kept nowhere.
func (s *Service) Make(ctx context.Context, who access.Actor, ask Ask) (token string, link Link, err error) {
	now := s.Now()
	switch {
	case ask.Life <= 0 || ask.Life > LongestLife:
		return "", link, fhir.Errorf(fhir.Invalid, "a link lasts for 30 days at most")
	case ask.Passcode != "" && len([]rune(ask.Passcode)) < leastLetters:
		return "", link, fhir.Errorf(fhir.Invalid, "a passcode has %d letters or digits, or more", leastLetters)
	case len([]rune(ask.Label)) > 80:
		return "", link, fhir.Errorf(fhir.Invalid, "the name of a link has 80 letters at most")
	}
	links, err := s.Links(ctx, ask.Patient)
	if err != nil {
		return "", link, err
	}
	holding := 0
	for i := range links {
		if !links[i].Ended(now) {
			holding++
		}
	}
	if holding >= mostLinks {
		return "", link, fhir.Errorf(fhir.Conflict, "there are %d links already: end one first", holding)
	}
	key := make([]byte, 32)
	rand.Read(key)
	token = base64.RawURLEncoding.EncodeToString(key)
	kept := stored{Link: Link{ID: idOf(token), Patient: ask.Patient, Label: ask.Label, Made: now, By: who.Name, Until: now.Add(ask.Life), Tries: mostTries}}
	if who.Helper != "" && who.Helper != who.ID {
		kept.By += ", helped by " + who.Helper
	}
	if ask.Passcode != "" {
		kept.Coded = true
		kept.Salt = make([]byte, 16)
		rand.Read(kept.Salt)
		if kept.Passcode, err = stretched(ask.Passcode, kept.Salt); err != nil {
			return "", link, err
		}
	}
	if kept.Sealed, err = seal(ask.Document.Bytes(), key); err != nil {
		return "", link, err
	}
	_, err = s.box.Commit(ctx, who, nil, record.JSONItem(kindLink, kept.ID, kept), record.BoxItem{Kind: kindOf, Key: ask.Patient + "/" + kept.ID, Value: []byte("{}")})
	if err == nil {
		err = s.box.Note(ctx, who, access.Create, "a link to a summary of Patient/"+ask.Patient+" until "+kept.Until.UTC().Format(time.RFC3339), "")
	}
	return token, kept.Link, err
}

// idOf is the name of a link: whoever knows it may try to open it, and cannot read what it leads to without the token.
func idOf(token string) string { return hashed("kith link " + token) }

func stretched(passcode string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, passcode, salt, stretch, 32)
}

// Wrong says that a passcode was wrong, and how often one may still try.
type Wrong struct{ Left int }

func (w Wrong) Error() string { return "the passcode is wrong" }

// Fetch gives what a link leads to, still encrypted, and counts the view. NotFound where there is no such link or it has ended; Wrong where the passcode is. label
// is what its maker calls it.
func (s *Service) Fetch(ctx context.Context, id, passcode, from, recipient string) (sealed string, link Link, err error) {
	who := me
	who.From = from
	wrong := false
	// Stretching takes long, so it is done before the transaction that counts: the salt of a link never changes.
	var got []byte
	if before, err := s.get(ctx, id); err == nil && before != nil && before.Coded && !before.Ended(s.Now()) {
		if got, err = stretched(passcode, before.Salt); err != nil {
			return "", link, err
		}
	}
	err = s.box.Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		wrong, sealed = false, ""
		kept, err := record.ReadJSON[stored](read, kindLink, id)
		if err != nil {
			return record.Noted{}, err
		}
		if kept == nil || kept.Ended(s.Now()) || kept.Sealed == "" {
			return record.Noted{}, fhir.Errorf(fhir.NotFound, "this link leads to nothing, or has ended")
		}
		what := "the link “" + kept.Label + "” of Patient/" + kept.Patient
		if kept.Coded {
			if subtle.ConstantTimeCompare(got, kept.Passcode) != 1 {
				wrong = true
				kept.Tries--
				link = kept.Link
				if kept.Tries <= 0 {
					kept.Sealed = ""
				}
				return record.Noted{Items: []record.BoxItem{record.JSONItem(kindLink, id, kept)}, Who: who, Action: access.Read, What: what, Refusal: "the passcode was wrong"}, nil
			}
			kept.Tries = mostTries
		}
		kept.Views++
		kept.Last = s.Now()
		sealed, link = kept.Sealed, kept.Link
		return record.Noted{Items: []record.BoxItem{record.JSONItem(kindLink, id, kept)}, Who: who, Action: access.Read, What: what}, nil
	})
	if err != nil {
		return "", link, err
	}
	if wrong {
		return "", link, Wrong{max(link.Tries, 0)}
	}
	// The person finds the opening among those who looked.
	who.ID, who.Name = Opener, "Somebody with a link to your summary"
	if link.Label != "" {
		who.Name = "Somebody with the link “" + link.Label + "”"
	}
	if recipient != "" {
		who.Name += ": " + strings.Map(printable, recipient[:min(len(recipient), 80)])
	}
	if _, err := s.Door.Get(ctx, who, "Patient", link.Patient); err != nil {
		return "", link, err
	}
	return sealed, link, nil
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f || r == 0xfffd {
		return ' '
	}
	return r
}

// Read gives what a link leads to, to whoever has the token.
func (s *Service) Read(ctx context.Context, token, passcode, from string) (*fhir.Resource, Link, error) {
	key, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(key) != 32 {
		return nil, Link{}, fhir.Errorf(fhir.NotFound, "this link leads to nothing, or has ended")
	}
	sealed, link, err := s.Fetch(ctx, idOf(token), passcode, from, "")
	if err != nil {
		return nil, link, err
	}
	content, err := unseal(sealed, key)
	if err != nil {
		return nil, link, err
	}
	doc, err := fhir.Parse(content)
	return doc, link, err
}

// Asks reports whether a link holds, and whether it asks for a passcode. It counts no view.
func (s *Service) Asks(ctx context.Context, token string) (passcode bool, err error) {
	kept, err := s.get(ctx, idOf(token))
	if err == nil && (kept == nil || kept.Ended(s.Now())) {
		err = fhir.Errorf(fhir.NotFound, "this link leads to nothing, or has ended")
	}
	return err == nil && kept.Coded, err
}

func (s *Service) get(ctx context.Context, id string) (*stored, error) {
	return record.ReadJSON[stored](func(kind, key string) ([]byte, error) { return s.box.Get(ctx, kind, key) }, kindLink, id)
}

// Links are the links of a person, the newest first.
func (s *Service) Links(ctx context.Context, patient string) ([]Link, error) {
	person, err := s.Door.Person(ctx, patient)
	if err != nil {
		return nil, err
	}
	var out []Link
	for _, id := range person {
		for after, more := id+"/", true; more; {
			page, err := s.box.List(ctx, kindOf, after, 100)
			if err != nil {
				return nil, err
			}
			more = len(page) == 100
			for _, it := range page {
				after = it.Key
				link, ok := strings.CutPrefix(it.Key, id+"/")
				if !ok {
					more = false
					break
				}
				kept, err := s.get(ctx, link)
				if err != nil {
					return nil, err
				}
				if kept != nil {
					out = append(out, kept.Link)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Link) int { return b.Made.Compare(a.Made) })
	return out, nil
}

// Revoke ends a link of a person, and forgets what it led to. NotFound where it is somebody else's.
func (s *Service) Revoke(ctx context.Context, who access.Actor, patient, id string) error {
	person, err := s.Door.Person(ctx, patient)
	if err != nil {
		return err
	}
	return s.box.Decide(ctx, func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
		kept, err := record.ReadJSON[stored](read, kindLink, id)
		if err != nil {
			return record.Noted{}, err
		}
		if kept == nil || !slices.Contains(person, kept.Patient) {
			return record.Noted{}, fhir.Errorf(fhir.NotFound, "there is no such link")
		}
		if kept.Revoked.IsZero() {
			kept.Revoked = s.Now()
		}
		kept.Sealed, kept.Salt, kept.Passcode = "", nil, nil
		return record.Noted{Items: []record.BoxItem{record.JSONItem(kindLink, id, kept)}, Who: who, Action: access.Delete, What: "the link “" + kept.Label + "” of Patient/" + kept.Patient}, nil
	})
}

// keptFor is for how long a person sees links that have ended.
const keptFor = 365 * 24 * time.Hour

// Run forgets, once an hour, what links that have ended led to, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	s.Door.Recur(ctx, "carry", time.Hour, s.forget)
}

func (s *Service) forget(ctx context.Context) error {
	for after := ""; ; {
		page, err := s.box.List(ctx, kindLink, after, 200)
		if err != nil {
			return err
		}
		var items []record.BoxItem
		for _, it := range page {
			after = it.Key
			var kept stored
			if err := json.Unmarshal(it.Value, &kept); err != nil {
				return fhir.Errorf(fhir.Broken, "link %s cannot be read: %w", it.Key, err)
			}
			switch now := s.Now(); {
			case now.Sub(kept.Until) > keptFor:
				items = append(items, record.BoxItem{Kind: kindLink, Key: it.Key}, record.BoxItem{Kind: kindOf, Key: kept.Patient + "/" + kept.ID})
			case kept.Ended(now) && kept.Sealed != "":
				kept.Sealed, kept.Salt, kept.Passcode = "", nil, nil
				items = append(items, record.JSONItem(kindLink, it.Key, kept))
			}
		}
		if items != nil {
			if _, err := s.box.Commit(ctx, me, nil, items...); err != nil {
				return err
			}
		}
		if len(page) < 200 {
			return nil
		}
	}
}
