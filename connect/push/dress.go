package push

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/kith-care/kith/connect/fact"
	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/validate"
)

func known(typ string) bool { _, ok := spec.Resource(typ); return ok }

// listed reports whether a type has a list of identifiers.
func listed(typ string) bool {
	t := spec.TypeOf(typ)
	if t == nil {
		return false
	}
	e := t.Element("identifier")
	return e != nil && e.Max != 1
}

// dressed is an entry's resource as it is stored: with its id, its source, the sender's id as an identifier, and its references led to where they belong.
// Every other byte stays as it came.
func (s *set) dressed(x *entry, source string) (*fhir.Resource, error) {
	root := x.res.Root()
	base := root.Offset()
	var edits []fhir.Edit
	at := func(v fhir.Value) (int, int) { return v.Offset() - base, v.Offset() - base + len(v.Raw()) }
	replace := func(v fhir.Value, text string) {
		from, to := at(v)
		edits = append(edits, fhir.Edit{Start: from, End: to, With: fhir.AppendString(nil, text)})
	}
	var front []byte
	member := func(name string, value []byte) {
		front = append(append(append(fhir.AppendString(front, name), ':'), value...), ',')
	}
	if id := root.Get("id"); id.Exists() {
		replace(id, x.id)
	} else {
		member("id", fhir.AppendString(nil, x.id))
	}
	switch meta := root.Get("meta"); {
	case meta.Get("source").Exists():
		replace(meta.Get("source"), source)
	case meta.Kind() == fhir.Object && meta.First().Exists():
		from, _ := at(meta)
		edits = append(edits, fhir.Edit{Start: from + 1, End: from + 1, With: append(append([]byte(`"source":`), fhir.AppendString(nil, source)...), ',')})
	case !meta.Exists():
		member("meta", append(append([]byte(`{"source":`), fhir.AppendString(nil, source)...), '}'))
	}
	if own := ownID(x); own != "" && listed(x.typ) {
		mine := fact.Source(s.feed.Name, own)
		text := append(append(append(append([]byte(`{"system":`), fhir.AppendString(nil, mine.System)...), `,"value":`...), fhir.AppendString(nil, mine.Value)...), '}')
		switch ids := root.Get("identifier"); {
		case ids.Kind() == fhir.Array && ids.First().Exists():
			_, to := at(ids)
			edits = append(edits, fhir.Edit{Start: to - 1, End: to - 1, With: append([]byte{','}, text...)})
		case !ids.Exists():
			member("identifier", append(append([]byte{'['}, text...), ']'))
		}
	}
	if front != nil {
		edits = append(edits, fhir.Edit{Start: 1, End: 1, With: front})
	}
	if err := s.references(x, root, base, &edits); err != nil {
		return nil, err
	}
	sortEdits(edits)
	res, err := fhir.Parse(fhir.Splice(x.res.Bytes(), edits))
	if err != nil {
		return nil, &fault{x.place, err}
	}
	return res, nil
}

func sortEdits(edits []fhir.Edit) {
	for i := range edits {
		for j := i; j > 0 && edits[j].Start < edits[j-1].Start; j-- {
			edits[j], edits[j-1] = edits[j-1], edits[j]
		}
	}
}

// references leads references to what the Bundle's entries become, or to what the source sent before.
func (s *set) references(x *entry, root fhir.Value, base int, edits *[]fhir.Edit) error {
	var walk func(v fhir.Value, name string) error
	walk = func(v fhir.Value, name string) error {
		switch v.Kind() {
		case fhir.Object:
			for m := v.First(); m.Exists(); m = m.Next() {
				if err := walk(m, m.Name()); err != nil {
					return err
				}
			}
		case fhir.Array:
			for e := v.First(); e.Exists(); e = e.Next() {
				if err := walk(e, name); err != nil {
					return err
				}
			}
		case fhir.String:
			if name != "reference" {
				return nil
			}
			to, err := s.led(x, v.Text())
			if err != nil || to == v.Text() {
				return err
			}
			from := v.Offset() - base
			*edits = append(*edits, fhir.Edit{Start: from, End: from + len(v.Raw()), With: fhir.AppendString(nil, to)})
		}
		return nil
	}
	return walk(root, "")
}

// led is where a reference leads: within the Bundle, to what the source sent before, or where it would be if the source sent it.
func (s *set) led(x *entry, ref string) (string, error) {
	if ref == "" || ref[0] == '#' {
		return ref, nil
	}
	if to, ok := s.names[ref]; ok {
		return to, nil
	}
	if typ, query, ok := strings.Cut(ref, "?"); ok && known(typ) {
		if key := identifierOf(query); key != "" {
			return typ + "/" + intake.ID(s.feed.Name, typ, key), nil
		}
		return ref, &fault{x.place, fmt.Errorf("the reference %s is no condition on an identifier", ref)}
	}
	if strings.HasPrefix(ref, "urn:uuid:") || strings.HasPrefix(ref, "urn:oid:") {
		if s.whole && len(s.entries) > 1 {
			return ref, &fault{x.place, fmt.Errorf("the reference %s is to no entry of the Bundle", ref)}
		}
		s.notes["a reference to no entry of the Bundle"]++
		return ref, nil
	}
	r := fhir.ParseReference(ref)
	if !known(r.Type) || r.ID == "" {
		return ref, nil
	}
	if to, ok := s.names[r.Type+"/"+r.ID]; ok {
		return to, nil
	}
	if strings.Contains(ref, "://") {
		return ref, nil // of another server
	}
	id, err := s.sent(r.Type, r.ID)
	if err != nil {
		return ref, err
	}
	if id == "" {
		s.notes["a reference to a "+r.Type+" that the source has not sent"]++
		id = intake.ID(s.feed.Name, r.Type, r.ID)
	}
	s.names[r.Type+"/"+r.ID] = r.Type + "/" + id
	return r.Type + "/" + id, nil
}

// sent is the id under which something the source sent before is stored, "" where it sent nothing of the kind.
func (s *set) sent(typ, own string) (string, error) {
	if !listed(typ) || spec.Param(typ, "identifier") == nil || own == "" {
		return "", nil
	}
	mine := fact.Source(s.feed.Name, own)
	escaped := strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`).Replace(mine.Value)
	page, err := s.desk.Door.Find(s.ctx, s.desk.Who, typ+"?identifier="+url.QueryEscape(mine.System+"|"+escaped)+"&_count=1")
	if err != nil || len(page.Matches) == 0 {
		return "", err
	}
	return page.Matches[0].ID, nil
}

// judge validates a resource in full. Of a strict source any error refuses it; of another, only what R4 cannot hold.
func (s *set) judge(x *entry, res *fhir.Resource) error {
	if err := validate.Err(validate.Structure(res)); err != nil {
		return &fault{x.place, err}
	}
	why, err := s.desk.Invalid(s.ctx, res)
	if err != nil {
		return err
	}
	if why != "" && s.feed.Strict {
		return &fault{x.place, errors.New(why)}
	}
	s.valid[x.typ+"/"+x.id] = why == ""
	return nil
}
