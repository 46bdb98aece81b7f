package record

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/spec"
	"github.com/kith-care/kith/search"
	"github.com/kith-care/kith/store"
)

// parameter is the state of a custom search parameter on one type, kept in the record's box.
type parameter struct {
	Number  int64  // of its keys in the store; another definition gets another number
	Seq     int64  // the change that defines it
	Done    int64  // resources up to this change have their keys
	Begun   int64  // when it began, in microseconds
	Active  bool   // all have, so it can be searched by
	Problem string // why it cannot be used, "" where it can
}

const (
	parameterRoom = "record"
	parameterKind = "parameter"
)

var searchParameterType, _ = spec.Resource("SearchParameter")

// loadCatalogue makes the catalogue of search parameters from R4's and those that the record holds, and begins to fill
// in those that are new.
func (d *Door) loadCatalogue(ctx context.Context) error {
	d.loading.Lock()
	defer d.loading.Unlock()
	return d.load(ctx)
}

// catchUp loads the catalogue where it does not know a change to a SearchParameter yet.
func (d *Door) catchUp(ctx context.Context, defined int64) error {
	d.loading.Lock()
	defer d.loading.Unlock()
	if d.defined.Load() >= defined {
		return nil
	}
	return d.load(ctx)
}

func (d *Door) load(ctx context.Context) error {
	newest, err := d.store.Latest(ctx, searchParameterType)
	if err != nil {
		return err
	}
	var defs []*store.Version
	for after := int64(0); ; {
		some, err := d.store.Current(ctx, searchParameterType, after, 500)
		if err != nil {
			return err
		}
		for _, v := range some {
			if v.Until > v.Rid && v.Body != nil && current(v) {
				defs = append(defs, v)
			}
			after = v.Rid
		}
		if len(some) < 500 {
			break
		}
	}
	var custom []*search.Param
	var fill []*search.Param
	known := map[string]bool{}
	for _, v := range defs {
		res, err := fhir.Parse(v.Body)
		if err != nil {
			return err
		}
		for _, p := range d.define(res) {
			key := parameterKey(p)
			known[key] = true
			state, err := d.parameterState(ctx, key, v.Rid)
			if err != nil {
				return err
			}
			p.Custom, p.Building = state.Number, !state.Active
			if p.Building {
				p.Progress = fmt.Sprintf("change %d of its %s resources is reached", state.Done, p.Of)
				fill = append(fill, p)
			}
			custom = append(custom, p)
		}
	}
	d.catalogue.Store((*search.Catalogue)(nil).With(custom))
	d.defined.Store(newest) // after the catalogue: who reads this number first gets a catalogue that is no older
	for _, p := range fill {
		if !d.filling[p.Custom] {
			d.filling[p.Custom] = true
			d.background(func(ctx context.Context) { d.fill(ctx, p) })
		}
	}
	return d.forget(ctx, known)
}

func current(v *store.Version) bool { return v.Until == 1<<63-1 }

func parameterKey(p *search.Param) string { return p.Of.String() + "?" + p.Code }

// define compiles the parameters of a SearchParameter resource, one for each of its base types. One that cannot be used
// is left out; check has refused what can be known to be wrong when it was stored.
func (d *Door) define(res *fhir.Resource) []*search.Param {
	params, err := defineAll(res)
	if err != nil {
		slog.Warn("a search parameter cannot be used", "id", res.ID(), "error", err)
	}
	return params
}

func defineAll(res *fhir.Resource) ([]*search.Param, error) {
	root := res.Root()
	if s := root.Get("status"); s.Is("retired") {
		return nil, nil
	}
	code, typ, expr := root.Get("code").Text(), root.Get("type").Text(), root.Get("expression").Text()
	var targets []string
	for t := range root.Get("target").Items() {
		targets = append(targets, t.Text())
	}
	if !slices.Contains([]string{"number", "date", "string", "token", "reference", "quantity", "uri"}, typ) {
		return nil, fhir.Errorf(fhir.Unprocessable, "a search parameter of type %q cannot be added: it takes number, date, string, token, reference, quantity or uri", typ).At("SearchParameter.type")
	}
	if expr == "" {
		return nil, fhir.Errorf(fhir.Unprocessable, "the search parameter %s has no expression", code).At("SearchParameter.expression")
	}
	var out []*search.Param
	for b := range root.Get("base").Items() {
		t, ok := spec.Resource(b.Text())
		if !ok {
			return nil, fhir.Errorf(fhir.Unprocessable, "the search parameter %s cannot be on %q: name resource types", code, b.Text()).At("SearchParameter.base")
		}
		if spec.Param(b.Text(), code) != nil {
			return nil, fhir.Errorf(fhir.Unprocessable, "%s has a search parameter %s in R4 already", b.Text(), code).At("SearchParameter.code")
		}
		p, err := search.NewParam(t, root.Get("url").Text(), code, typ, expr, targets, 0)
		if err != nil {
			return nil, fhir.Errorf(fhir.Unprocessable, "%w", err).At("SearchParameter.expression")
		}
		out = append(out, p)
	}
	return out, nil
}

// parameterState reads how far a parameter is, and begins anew where its definition has changed.
func (d *Door) parameterState(ctx context.Context, key string, seq int64) (parameter, error) {
	raw, err := d.store.BoxGet(ctx, parameterRoom, parameterKind, key)
	if err != nil {
		return parameter{}, err
	}
	state, err := readParameter(raw)
	if err != nil || state.Seq == seq {
		return state, err
	}
	state = parameter{Number: seq, Seq: seq, Begun: d.now().UnixMicro()}
	return state, d.saveParameter(ctx, key, state)
}

// readParameter reads a state, the zero one where there is none.
func readParameter(raw []byte) (state parameter, err error) {
	if raw != nil {
		err = json.Unmarshal(raw, &state)
	}
	return state, err
}

func (d *Door) saveParameter(ctx context.Context, key string, state parameter) error {
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return d.store.Write(ctx, func(w *store.Writer) error {
		return w.Box(ctx, store.BoxItem{Room: parameterRoom, Kind: parameterKind, Key: key, Value: raw})
	})
}

// fill extracts the keys of all resources that were there before the parameter, a few hundred at a time, and then makes
// it searchable in the transaction that writes the last of them.
func (d *Door) fill(ctx context.Context, p *search.Param) {
	ix := search.Indexer{Catalogue: d.catalogue.Load(), Base: d.base}
	key := parameterKey(p)
	for ctx.Err() == nil {
		done, err := d.fillNext(ctx, &ix, p, key)
		if err == nil && done {
			slog.Info("a search parameter is ready", "parameter", key)
			if err = d.filled(ctx, p); err == nil {
				return
			}
		}
		if err != nil && ctx.Err() == nil {
			slog.Error("a search parameter could not be filled in, and will be tried again", "parameter", key, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(2 * time.Second):
			}
		}
	}
}

// filled has the catalogue made again, with p ready or gone.
func (d *Door) filled(ctx context.Context, p *search.Param) error {
	d.loading.Lock()
	defer d.loading.Unlock()
	delete(d.filling, p.Custom)
	err := d.load(ctx)
	if err != nil {
		d.filling[p.Custom] = true // still to be done by the one who asked
	}
	return err
}

// fillNext fills in the next batch; done where there is no more to do, another process having done it included.
func (d *Door) fillNext(ctx context.Context, ix *search.Indexer, p *search.Param, key string) (done bool, err error) {
	raw, err := d.store.BoxGet(ctx, parameterRoom, parameterKind, key)
	if err != nil {
		return false, err
	}
	state, err := readParameter(raw)
	if err != nil || state.Active || state.Number != p.Custom {
		return true, err // ready, or under a definition that has changed meanwhile
	}
	return d.fillSome(ctx, ix, p, key, state)
}

const (
	fillBatch = 500
	heard     = 2 * time.Second
)

func (d *Door) fillSome(ctx context.Context, ix *search.Indexer, p *search.Param, key string, state parameter) (done bool, err error) {
	rows, err := d.store.Current(ctx, p.Of, state.Done, fillBatch)
	if err != nil {
		return false, err
	}
	err = d.store.Write(ctx, func(w *store.Writer) error {
		raw, err := w.BoxGet(ctx, parameterRoom, parameterKind, key)
		if err != nil {
			return err
		}
		if now, err := readParameter(raw); err != nil || now.Number != p.Custom {
			return err // defined anew meanwhile
		}
		for _, v := range rows {
			res, err := fhir.Parse(v.Body)
			if err != nil {
				return err
			}
			keys, err := ix.ExtraKeys(p, res)
			if err != nil {
				keys = nil // what the expression cannot read has no keys
			}
			if len(keys) > 0 {
				w.AddExtra(p.Custom, v.Rid, keys)
			}
			state.Done = v.Rid
		}
		// Writers hold the feed, so nothing can come between the last of the rows and the switch.
		last, err := w.LatestOf(ctx, p.Of)
		if err != nil {
			return err
		}
		// Other processes hear of the parameter within a second; what they write without its keys until then is filled in.
		state.Active = len(rows) < fillBatch && state.Done >= last && d.now().UnixMicro()-state.Begun > heard.Microseconds()
		done = state.Active
		if raw, err = json.Marshal(state); err != nil {
			return err
		}
		return w.Box(ctx, store.BoxItem{Room: parameterRoom, Kind: parameterKind, Key: key, Value: raw})
	})
	if err == nil && !done && len(rows) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return done, err
}

// forget drops the keys of parameters that are no longer defined.
func (d *Door) forget(ctx context.Context, known map[string]bool) error {
	items, err := d.store.BoxList(ctx, parameterRoom, parameterKind, "", 10_000)
	if err != nil {
		return err
	}
	for _, it := range items {
		if known[it.Key] {
			continue
		}
		var state parameter
		if err := json.Unmarshal(it.Value, &state); err != nil {
			return err
		}
		it.Value = nil
		err := d.store.Write(ctx, func(w *store.Writer) error {
			// Another process may have been given it since known was read.
			if still, err := w.Current(ctx, state.Seq); err != nil || still {
				return err
			}
			if err := w.DropExtra(ctx, state.Number); err != nil {
				return err
			}
			return w.Box(ctx, it)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Params are the search parameters of a type that are served.
func (d *Door) Params(typ string) []*search.Param {
	t, ok := spec.Resource(typ)
	if !ok {
		return nil
	}
	var out []*search.Param
	for _, p := range d.catalogue.Load().All(t) {
		if p.Served() {
			out = append(out, p)
		}
	}
	return out
}

// touched reports whether a commit changed what the door keeps at hand: search parameters or terminology.
func touched(c *commit) (params, terms bool) {
	for i := range c.steps {
		switch c.steps[i].ref.Type.String() {
		case "SearchParameter":
			params = true
		case "CodeSystem", "ValueSet", "ConceptMap":
			terms = true
		}
	}
	return params, terms
}
