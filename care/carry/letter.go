package carry

import (
	"context"
	"encoding/base64"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
)

// Letter is what a DocumentReference refers to.
type Letter struct {
	Kind  string // its media type
	Text  string // its words, where it is plain text
	Bytes []byte // nil where the record has not the letter itself
}

// Letter opens what a DocumentReference refers to, for whoever the door has shown it to. A Binary says nothing of whom it is about, so the policy shows it to
// nobody; whoever may see the reference may read what it refers to, which is what Binary.securityContext would say. The reading stands in the audit with their
// name. https://hl7.org/fhir/R4/binary.html#security
func (s *Service) Letter(ctx context.Context, who access.Actor, doc fhir.Value) (*Letter, error) {
	for content := range doc.Get("content").Items() {
		a := content.Get("attachment")
		kind := a.Get("contentType").Text()
		data := a.Get("data").Text()
		if id, ok := strings.CutPrefix(a.Get("url").Text(), "Binary/"); ok && data == "" {
			by := access.Actor{ID: me.ID, Name: who.Name, Role: access.Kith, Purpose: who.Purpose, From: who.From, Helper: who.ID}
			stored, err := s.Door.Get(ctx, by, "Binary", id)
			if k := fhir.KindOf(err); err != nil && (k == fhir.NotFound || k == fhir.Gone) {
				continue
			}
			if err != nil {
				return nil, err
			}
			res, err := stored.Resource()
			if err != nil {
				return nil, err
			}
			kind, data = res.Root().Get("contentType").Text(), res.Root().Get("data").Text()
		}
		raw, err := base64.StdEncoding.DecodeString(data)
		if err != nil || len(raw) == 0 {
			continue
		}
		l := &Letter{Kind: kind, Bytes: raw}
		if plain, _, err := mime.ParseMediaType(kind); err == nil {
			l.Kind = plain
		}
		if l.Kind == "text/plain" && utf8.Valid(raw) {
			l.Text = string(raw)
		}
		return l, nil
	}
	return &Letter{}, nil
}
