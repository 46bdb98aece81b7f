package record

import (
	"context"
	neturl "net/url"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
	"github.com/kith-care/kith/terms"
	"github.com/kith-care/kith/validate"
)

// check holds a resource against the structure of its type before it is stored.
func (d *Door) check(res *fhir.Resource) error {
	if err := validate.Err(validate.Structure(res)); err != nil {
		return err
	}
	if res.Type() == "SearchParameter" {
		_, err := defineAll(res)
		return err
	}
	return nil
}

// Validate checks a resource against all of R4 without storing it. What it refers to is looked at as whoever asks sees it.
func (d *Door) Validate(ctx context.Context, who access.Actor, res *fhir.Resource) ([]validate.Issue, error) {
	e := d.eyes(ctx, nil, &who, access.Read)
	v := validate.Validator{Terms: d.terms.Load(), Resolve: func(ctx context.Context, reference string) (fhir.Value, bool) {
		r := fhir.ParseReference(reference)
		ref, err := refOf(r.Type, r.ID)
		if err != nil || r.Base != "" && r.Base != d.base {
			return fhir.Value{}, false
		}
		found, err := d.store.Many(ctx, []store.Ref{ref}, 0)
		if err == nil {
			found, err = e.keep(found)
		}
		if err != nil || len(found) == 0 {
			return fhir.Value{}, false
		}
		other, err := fhir.Parse(found[0].Body)
		if err != nil {
			return fhir.Value{}, false
		}
		return other.Root(), true
	}}
	return v.Full(ctx, res)
}

// library finds terminology resources in the record by their canonical URL.
type library struct{ d *Door }

// Canonical is the newest resource of a type with that URL, nil where there is none. Terminology is about nobody, so
// reading it needs no decision and leaves no entry.
func (l library) Canonical(ctx context.Context, typ, url string) (*fhir.Resource, error) {
	url, version, _ := strings.Cut(url, "|")
	q, err := l.d.parser(false).Parse(typ, "url="+neturl.QueryEscape(strings.ReplaceAll(url, ",", `\,`)))
	if err != nil {
		return nil, err
	}
	q.Count = 100
	found, err := l.d.store.Search(ctx, q.Plan())
	if err != nil {
		return nil, err
	}
	for i := len(found.Rows) - 1; i >= 0; i-- {
		res, err := fhir.Parse(found.Rows[i].Body)
		if err != nil {
			return nil, err
		}
		if version == "" || res.Root().Get("version").Is(version) {
			return res, nil
		}
	}
	return nil, nil
}

func (d *Door) newTerms() { d.terms.Store(&terms.Terms{Source: library{d}}) }

// resolveCodes turns :in, :not-in, :below and :above into the codes they stand for.
func (d *Door) resolveCodes(ctx context.Context, c *search.Cond) error {
	t := d.terms.Load()
	in := search.Cond{Param: c.Param, Modifier: "in", Source: c.Source, Values: []search.Value{}}
	for _, v := range c.Values {
		concepts, err := d.concepts(ctx, t, c, v)
		if err != nil {
			return err
		}
		for _, one := range concepts {
			in.Values = append(in.Values, c.Param.Coded(one.System, one.Code))
		}
	}
	if c.Modifier == "not-in" {
		in = search.Cond{Op: search.Not, Kids: []search.Cond{in}, Source: c.Source}
	}
	*c = in
	return nil
}

func (d *Door) concepts(ctx context.Context, t *terms.Terms, c *search.Cond, v search.Value) ([]terms.Concept, error) {
	switch c.Modifier {
	case "below", "above":
		if !v.HasSystem || v.System == "" {
			return nil, fhir.Errorf(fhir.Invalid, "%s: the modifier :%s needs system|code", c.Source, c.Modifier)
		}
		related := t.Descendants
		if c.Modifier == "above" {
			related = t.Ancestors
		}
		all, err := related(ctx, v.System, v.Code)
		return all, unknownTerms(c, err)
	}
	url, err := d.valueSet(ctx, c, v.Code)
	if err != nil {
		return nil, err
	}
	e, err := t.Expand(ctx, url)
	if err != nil {
		return nil, unknownTerms(c, err)
	}
	if len(e.Missing) > 0 {
		return nil, fhir.Errorf(fhir.Unsupported, "%s: the value set leans on %s, which is not known here, so the search cannot be answered exactly", c.Source, e.Missing[0])
	}
	return e.Concepts, nil
}

// valueSet is the canonical URL of a value set that may be named by its place in this record, ValueSet/id.
func (d *Door) valueSet(ctx context.Context, c *search.Cond, name string) (string, error) {
	id, ours := strings.CutPrefix(strings.TrimPrefix(name, d.base+"/"), "ValueSet/")
	if !ours {
		return name, nil
	}
	ref, err := refOf("ValueSet", id)
	if err != nil {
		return "", err
	}
	found, err := d.store.Many(ctx, []store.Ref{ref}, 0)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fhir.Errorf(fhir.Unsupported, "%s: there is no %s here", c.Source, ref)
	}
	res, err := fhir.Parse(found[0].Body)
	if err != nil {
		return "", err
	}
	url := res.Root().Get("url").Text()
	if url == "" {
		return "", fhir.Errorf(fhir.Unsupported, "%s: %s has no url, by which value sets are known", c.Source, ref)
	}
	if version := res.Root().Get("version").Text(); version != "" {
		url += "|" + version
	}
	return url, nil
}

// unknownTerms says that a search cannot be answered exactly where its terminology is not known.
func unknownTerms(c *search.Cond, err error) error {
	if err != nil && fhir.KindOf(err) == fhir.NotFound {
		return fhir.Errorf(fhir.Unsupported, "%s: %s", c.Source, err.Error())
	}
	return err
}

// Translate finds what a code is by a ConceptMap of the record or of R4, in order of the map; nothing where the map has none or is not here.
// Only targets that are equal or equivalent count.
func (d *Door) Translate(ctx context.Context, conceptMap, system, code, target string) ([]terms.Concept, error) {
	matches, err := d.terms.Load().Translate(ctx, conceptMap, system, code, target)
	if fhir.KindOf(err) == fhir.NotFound && err != nil {
		return nil, nil
	}
	var out []terms.Concept
	for _, m := range matches {
		if m.Equivalence == "equal" || m.Equivalence == "equivalent" {
			out = append(out, m.Concept)
		}
	}
	return out, err
}
