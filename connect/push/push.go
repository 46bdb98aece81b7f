// Package push takes in what other systems send as FHIR R4: Bundles and resources (Resources), and messages such as referrals, vaccinations
// and consultation outcomes of pharmacies and opticians (Message), and answers messages (Answer).
//
// A resource is stored under an id made from its source and its identifier, so that the same thing sent again is the same resource, whatever
// id the sender gave it that day; where it has no identifier, from the sender's id. The sender's id stays beside it as an identifier. A
// condition in a request (PUT Patient?identifier=…, ifNoneExist) says which identifier is meant. References within a Bundle lead to what its
// entries became, others to what the source sent before.
//
// A transaction and a message are filed whole or not at all; of a batch, a collection or a search's answer, what is right is filed and
// what is not is quarantined. Everything is validated in full: what a source that is set to strict sends must be valid, what another sends is
// filed with its faults counted, so long as R4 can hold it.
//
// Rules: Kith's feeds specification, sections 7 and 7a; https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/messaging.html
package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/kith-care/kith/connect/intake"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/fhirxml"
	"github.com/kith-care/kith/record"
)

// The kinds of feeds of FHIR.
const (
	Kind        = "fhir"
	MessageKind = "message"
)

// Resources reads a Bundle (transaction, batch, collection, document, an answer to a search) or one resource. A message is read as Message does.
func Resources(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, raw []byte) (*intake.Reading, error) {
	res, err := parse(raw)
	if err != nil {
		return nil, err
	}
	root := res.Root()
	if res.Type() != "Bundle" {
		s := newSet(ctx, d, f, it, true)
		s.add(&entry{res: res, place: res.Type()})
		return s.reading()
	}
	whole := false
	switch typ := root.Get("type").Text(); typ {
	case "message":
		return message(ctx, d, f, it, res)
	case "transaction", "document":
		whole = true
	case "batch", "collection", "searchset", "history":
	default:
		return nil, fhir.Errorf(fhir.Invalid, "a Bundle of type %q holds nothing to be filed", typ).At("Bundle.type")
	}
	s := newSet(ctx, d, f, it, whole)
	n := -1
	for e := range root.Get("entry").Items() {
		n++
		s.take(e, n)
	}
	if n < 0 {
		return nil, fhir.Errorf(fhir.Invalid, "the Bundle has no entries").At("Bundle.entry")
	}
	return s.reading()
}

// parse reads JSON or XML.
func parse(raw []byte) (*fhir.Resource, error) {
	body := bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\ufeff")))
	if len(body) > 0 && body[0] == '<' {
		var err error
		if body, err = fhirxml.ToJSON(body); err != nil {
			return nil, fhir.Errorf(fhir.Invalid, "it is no FHIR in XML: %w", err)
		}
	}
	res, err := fhir.Parse(body)
	if err != nil {
		return nil, fhir.Errorf(fhir.Invalid, "it is no FHIR: %w", err)
	}
	if res.Type() == "" {
		return nil, fhir.Errorf(fhir.Invalid, "it is no FHIR: there is no resourceType")
	}
	return res, nil
}

// entry is one resource on its way into the record.
type entry struct {
	res     *fhir.Resource
	fullURL string
	place   string
	key     string // what its id is made from
	id      string
	once    bool // only where nothing is there yet
	gone    bool // it is to be deleted
	typ     string
}

// set is what one item says.
type set struct {
	ctx     context.Context
	desk    *intake.Desk
	feed    *intake.Feed
	item    *intake.Item
	whole   bool // all or nothing
	entries []*entry
	names   map[string]string // how the sender refers to an entry, to what it becomes
	urls    map[string]string // where each fullUrl stands
	taken   map[string]bool   // ids given
	bads    []intake.Bad
	notes   map[string]int
	valid   map[string]bool
	in      int
}

func newSet(ctx context.Context, d *intake.Desk, f *intake.Feed, it *intake.Item, whole bool) *set {
	return &set{ctx: ctx, desk: d, feed: f, item: it, whole: whole, names: map[string]string{}, urls: map[string]string{}, taken: map[string]bool{}, valid: map[string]bool{}, notes: map[string]int{}}
}

// fault is an entry that cannot be filed.
type fault struct {
	place string
	why   error
}

func (f *fault) Error() string { return f.place + ": " + f.why.Error() }
func (f *fault) Unwrap() error { return f.why }

// take reads an entry of a Bundle.
func (s *set) take(e fhir.Value, n int) {
	x := &entry{res: e.Get("resource").Resource(), fullURL: e.Get("fullUrl").Text(), place: fmt.Sprintf("entry[%d]", n)}
	request := e.Get("request")
	if !request.Exists() {
		s.add(x)
		return
	}
	path, query, _ := strings.Cut(request.Get("url").Text(), "?")
	typ, id, _ := strings.Cut(strings.Trim(path, "/"), "/")
	switch method := request.Get("method").Text(); method {
	case "POST":
		x.key = identifierOf(request.Get("ifNoneExist").Text())
		x.once = x.key != ""
		if q := request.Get("ifNoneExist").Text(); q != "" && x.key == "" {
			s.bad(x, fmt.Errorf("ifNoneExist: %q is no condition on an identifier", q))
			return
		}
	case "PUT":
		x.key = identifierOf(query)
		if query != "" && x.key == "" {
			s.bad(x, fmt.Errorf("request.url: %q is no condition on an identifier", query))
			return
		}
		if x.fullURL == "" && id != "" {
			x.fullURL = typ + "/" + id
		}
	case "DELETE":
		x.gone, x.typ, x.key = true, typ, identifierOf(query)
		if x.key == "" && id == "" {
			s.bad(x, errors.New("request.url: it does not say what is to be deleted"))
			return
		}
		x.fullURL = typ + "/" + id
		s.add(x)
		return
	default:
		s.bad(x, fmt.Errorf("request.method: %q files nothing: POST, PUT and DELETE do", method))
		return
	}
	if x.res != nil && typ != x.res.Type() {
		s.bad(x, fmt.Errorf("the resource is a %s, but its request says %s", x.res.Type(), typ))
		return
	}
	s.add(x)
}

// identifierOf is the identifier in a condition such as identifier=system|value, "" where it asks for anything else.
func identifierOf(query string) string {
	values, err := url.ParseQuery(strings.TrimPrefix(query, "?"))
	if err != nil || len(values) != 1 || len(values["identifier"]) != 1 {
		return ""
	}
	system, value, ok := strings.Cut(values.Get("identifier"), "|")
	if !ok || value == "" || strings.Contains(value, ",") {
		return ""
	}
	return system + "|" + value
}

func (s *set) bad(x *entry, why error) {
	s.in++
	s.refuse(x, why)
}

func (s *set) refuse(x *entry, why error) {
	row := ""
	if x.res != nil {
		const most = 4000
		row = string(x.res.Bytes()[:min(len(x.res.Bytes()), most)])
	}
	s.bads = append(s.bads, intake.Bad{Column: x.place, Reason: why.Error(), Row: strings.ToValidUTF8(row, "\uFFFD")})
}

// unfiled are types that say how an exchange went, not what is so.
var unfiled = map[string]string{"OperationOutcome": "an OperationOutcome says how a request went", "Parameters": "Parameters are of an operation", "CapabilityStatement": "a CapabilityStatement says what a server can do"}

// add settles the id of an entry.
func (s *set) add(x *entry) {
	s.in++
	if !x.gone {
		if x.res == nil {
			s.refuse(x, errors.New("the entry has no resource"))
			return
		}
		x.typ = x.res.Type()
	}
	if why, ok := unfiled[x.typ]; ok {
		s.refuse(x, fmt.Errorf("%s: there is nothing to file", why))
		return
	}
	if x.gone {
		s.entries = append(s.entries, x)
		return
	}
	if first, twice := s.urls[x.fullURL]; twice && x.fullURL != "" {
		s.refuse(x, fmt.Errorf("the fullUrl %s stands twice, first at %s: nothing says which of the two a reference means", x.fullURL, first))
		return
	}
	s.urls[x.fullURL] = x.place
	own := ownID(x)
	for _, key := range []string{x.key, keyOf(x.res), own, x.place} {
		if key == "" {
			continue
		}
		id := intake.ID(s.feed.Name, x.typ, key)
		if !s.taken[x.typ+id] {
			x.key, x.id = key, id
			break
		}
	}
	if x.id == "" {
		s.refuse(x, errors.New("two entries of the Bundle are the same resource"))
		return
	}
	s.taken[x.typ+x.id] = true
	ref := x.typ + "/" + x.id
	for _, name := range []string{x.fullURL, "urn:uuid:" + x.res.ID(), x.typ + "/" + x.res.ID()} {
		if _, known := s.names[name]; !known && name != "" && !strings.HasSuffix(name, ":") && !strings.HasSuffix(name, "/") {
			s.names[name] = ref
		}
	}
	s.entries = append(s.entries, x)
}

// ownID is what the sender calls a resource.
func ownID(x *entry) string {
	if id := x.res.ID(); id != "" {
		return id
	}
	return x.fullURL[strings.LastIndexAny(x.fullURL, ":/")+1:]
}

// keyOf is the first identifier of a resource that says its system.
func keyOf(res *fhir.Resource) string {
	key := ""
	one := func(id fhir.Value) {
		if system, value := id.Get("system").Text(), id.Get("value").Text(); key == "" && system != "" && value != "" {
			key = system + "|" + value
		}
	}
	ids := res.Root().Get("identifier")
	if ids.Kind() == fhir.Object {
		one(ids)
		return key
	}
	for id := range ids.Items() {
		one(id)
	}
	return key
}

// reading validates the entries and makes what is to be written of them.
func (s *set) reading() (*intake.Reading, error) {
	r := &intake.Reading{Notes: s.notes, Valid: s.valid}
	for _, x := range s.entries {
		op, err := s.op(x)
		if f := (*fault)(nil); errors.As(err, &f) {
			s.refuse(x, f.why)
			continue
		}
		if err != nil {
			return nil, err
		}
		if op == nil {
			r.Rows.Unchanged++
			continue
		}
		r.Ops = append(r.Ops, *op)
		if x.typ == "Patient" && len(r.Patients) < 20 {
			r.Patients = append(r.Patients, op.ID)
		}
	}
	if len(s.bads) > 0 && (s.whole || len(s.bads) == s.in) {
		b := s.bads[0]
		return nil, fhir.Errorf(fhir.Invalid, "%s: %s", b.Column, b.Reason)
	}
	r.Bad = s.bads
	unchanged := r.Rows.Unchanged
	r.Rows = intake.Rows{In: s.in, Filed: len(r.Ops), Unchanged: unchanged, Quarantined: len(s.bads)}
	return r, nil
}

// op is what an entry changes; nil where the record says the same already.
func (s *set) op(x *entry) (*record.Op, error) {
	if x.gone {
		return s.deletion(x)
	}
	have, err := s.desk.Door.Get(s.ctx, s.desk.Who, x.typ, x.id)
	switch k := fhir.KindOf(err); {
	case err != nil && k == fhir.NotFound && !known(x.typ):
		return nil, &fault{x.place, fmt.Errorf("R4 has no resource %s", x.typ)}
	case err != nil && k != fhir.NotFound && k != fhir.Gone:
		return nil, err
	case err != nil:
		have = nil
	case x.once:
		return nil, nil
	}
	source := intake.Source(s.feed.Name, s.item.Number, x.place)
	if have != nil { // the same said again keeps the source that said it first
		was, err := have.Resource()
		if err != nil {
			return nil, err
		}
		old, err := s.dressed(x, was.Root().Get("meta").Get("source").Text())
		if err != nil {
			return nil, err
		}
		if have.Says(old) {
			return nil, nil
		}
	}
	res, err := s.dressed(x, source)
	if err != nil {
		return nil, err
	}
	if err := s.judge(x, res); err != nil {
		return nil, err
	}
	return &record.Op{Method: record.Update, Type: x.typ, ID: x.id, Resource: res}, nil
}

// deletion finds what a source takes back: by its identifier, or by the id that the source gave it.
func (s *set) deletion(x *entry) (*record.Op, error) {
	if !known(x.typ) {
		return nil, &fault{x.place, fmt.Errorf("R4 has no resource %s", x.typ)}
	}
	id := ""
	if x.key != "" {
		id = intake.ID(s.feed.Name, x.typ, x.key)
	} else {
		found, err := s.sent(x.typ, x.fullURL[len(x.typ)+1:])
		if err != nil {
			return nil, err
		}
		id = found
	}
	if id == "" {
		return nil, nil
	}
	if _, err := s.desk.Door.Get(s.ctx, s.desk.Who, x.typ, id); err != nil {
		if k := fhir.KindOf(err); k == fhir.NotFound || k == fhir.Gone {
			return nil, nil
		}
		return nil, err
	}
	return &record.Op{Method: record.Delete, Type: x.typ, ID: id}, nil
}
