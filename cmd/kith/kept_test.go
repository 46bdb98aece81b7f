package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
	"github.com/kith-care/kith/town"
)

// awkward is allowed JSON that a program that parses and writes again would change.
const awkward = `{ "resourceType" : "Observation","id":"awkward",
	"status":"final", "code":{"text":"caf\u00e9 \/ 🫀"},"_status":{"extension":[{"url":"http://example.org/why","valueString":"kept"}]},
	"subject":{"reference":"Patient/t1-0"},
	"valueQuantity":{"value":1.500,"unit":"mmol/L"} , "component":[{"code":{"text":"x"},"valueQuantity":{"value":-1.10E+3}}]
}`

// Whatever is put into the record comes out as it went in: each member byte for byte, in its order, but for meta, which
// gains a version and a time and loses nothing.
func TestARecordIsKeptByteForByte(t *testing.T) { storetest.Each(t, keptByteForByte) }

func keptByteForByte(t *testing.T, db string) {
	door := record.TestOn(t, db)
	who := access.Actor{ID: "kith/test", Role: "test"}
	made := town.Town{Seed: 3, People: 25}
	bundles := [][]byte{[]byte(`{"resourceType":"Bundle","entry":[{"resource":` + awkward + `}]}`)}
	for i := -1; i < made.People; i++ {
		bundle, err := made.Shared()
		if i >= 0 {
			bundle, err = made.Person(i)
		}
		if err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, bundle)
	}
	compared := 0
	for _, bundle := range bundles {
		if err := put(t.Context(), door, who, bundle); err != nil {
			t.Fatal(err)
		}
		b, err := fhir.Parse(bundle)
		if err != nil {
			t.Fatal(err)
		}
		for e := range b.Root().Get("entry").Items() {
			sent := e.Get("resource")
			stored, err := door.Get(t.Context(), who, sent.Get("resourceType").Text(), sent.Get("id").Text())
			if err != nil {
				t.Fatal(err)
			}
			kept, err := stored.Resource()
			if err != nil {
				t.Fatalf("%s: %v", stored.Ref(), err)
			}
			same(t, stored.Ref(), sent, kept.Root())
			compared++
		}
	}
	if compared < 500 {
		t.Errorf("only %d resources were compared", compared)
	}
}

func same(t *testing.T, ref string, sent, kept fhir.Value) {
	t.Helper()
	at := kept.First()
	next := func() {
		for at = at.Next(); at.Exists() && at.Name() == "meta" && !sent.Get("meta").Exists(); {
			at = at.Next()
		}
	}
	for m := sent.First(); m.Exists(); m = m.Next() {
		if at.Name() == "meta" && m.Name() != "meta" {
			next()
		}
		if at.Name() != m.Name() {
			t.Fatalf("%s: %s stands where %s stood", ref, at.Name(), m.Name())
		}
		if m.Name() == "meta" {
			for x := m.First(); x.Exists(); x = x.Next() {
				if got := at.Get(x.Name()); !bytes.Equal(got.Raw(), x.Raw()) {
					t.Errorf("%s: meta.%s was %s and is %s", ref, x.Name(), x.Raw(), got.Raw())
				}
			}
		} else if !bytes.Equal(at.Raw(), m.Raw()) {
			t.Errorf("%s: %s was %s and is %s", ref, m.Name(), m.Raw(), at.Raw())
		}
		next()
	}
	if at.Exists() && at.Name() != "meta" {
		t.Errorf("%s has gained %s", ref, at.Name())
	}
	if kept.Get("meta").Get("versionId").Text() != "1" || !kept.Get("meta").Get("lastUpdated").Exists() {
		t.Errorf("%s has no version or time: %s", ref, kept.Get("meta").Raw())
	}
}

// put commits a transaction of PUTs.
func put(ctx context.Context, door *record.Door, who access.Actor, bundle []byte) error {
	b, err := fhir.Parse(bundle)
	if err != nil {
		return err
	}
	var ops []record.Op
	for e := range b.Root().Get("entry").Items() {
		r := e.Get("resource").Resource()
		ops = append(ops, record.Op{Method: record.Update, Type: r.Type(), ID: r.ID(), Resource: r})
	}
	_, err = door.Commit(ctx, who, ops)
	return err
}
