package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const pressure = `{"resourceType":"Observation","id":"bp","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}],"text":"Blood \u00e9 \ud83d\ude00 pressure"},
 "subject" : { "reference" : "Patient/1" },"component":[{"valueQuantity":{"value":182.0,"unit":"mm[Hg]"}},{"valueQuantity":{"value":1.50e1}}],"empty":{},"list":[],"no":false,"yes":true,"nil":null}`

func parse(t testing.TB, s string) *Resource {
	t.Helper()
	r, err := Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCursor(t *testing.T) {
	r := parse(t, pressure)
	if r.Type() != "Observation" || r.ID() != "bp" {
		t.Fatalf("type %q, id %q", r.Type(), r.ID())
	}
	root := r.Root()
	for path, want := range map[string]string{
		"code.text": "Blood é 😀 pressure", "subject.reference": "Patient/1", "component.0.valueQuantity.value": "182.0",
		"component.1.valueQuantity.value": "1.50e1", "yes": "true", "no": "false", "nil": "", "absent.from.here": "", "empty.x": "",
	} {
		v := root
		for step := range strings.SplitSeq(path, ".") {
			if step == "0" || step == "1" {
				v = v.First()
				if step == "1" {
					v = v.Next()
				}
				continue
			}
			v = v.Get(step)
		}
		if v.Text() != want {
			t.Errorf("%s: %q, want %q", path, v.Text(), want)
		}
	}
	if n := root.Get("component").Len(); n != 2 {
		t.Errorf("component has %d elements, want 2", n)
	}
	if root.Get("empty").First().Exists() || root.Get("list").First().Exists() {
		t.Error("an empty container has a first child")
	}
	if k := root.Get("nil").Kind(); k != Null {
		t.Errorf("nil is of kind %d", k)
	}
	sub := root.Get("code").Resource()
	if got := sub.Root().Get("coding").First().Get("code").Text(); got != "85354-9" {
		t.Errorf("a value as its own resource reads %q", got)
	}
	if !bytes.Equal(sub.Bytes(), root.Get("code").Raw()) {
		t.Error("a value as its own resource has other bytes")
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	many := "{"
	for i := range 40 {
		many += fmt.Sprintf(`"m%d":1,`, i)
	}
	for name, c := range map[string]struct{ in, say string }{
		"empty":            {"", "line 1, column 1"},
		"array":            {"[]", "start with {"},
		"cut off":          {`{"a":"b`, "inside a string"},
		"cut off in value": {`{"a":`, "ends where a value"},
		"twice":            {`{"a":1,"b":2,"a":3}`, `"a" stands twice`},
		"twice escaped":    {`{"a":1,"\u0061":3}`, `"a" stands twice`},
		"twice of many":    {many + `"m7":1}`, `"m7" stands twice`},
		"not UTF-8":        {"{\"a\":\"\xff\"}", "not UTF-8"},
		"overlong UTF-8":   {"{\"a\":\"\xc0\xaf\"}", "not UTF-8"},
		"control":          {"{\"a\":\"\n\"}", "control character"},
		"escape":           {`{"a":"\x"}`, "escape"},
		"half surrogate":   {`{"a":"\ud800"}`, "escape"},
		"low surrogate":    {`{"a":"\udc00"}`, "escape"},
		"leading zero":     {`{"a":01}`, "start with 0"},
		"plus":             {`{"a":+1}`, "cannot start"},
		"bare point":       {`{"a":1.}`, "digit after"},
		"exponent":         {`{"a":1e}`, "exponent"},
		"NaN":              {`{"a":NaN}`, "cannot start"},
		"trailing comma":   {`{"a":1,}`, "name in quotes"},
		"more":             {`{} {}`, "more after"},
		"deep":             {deep, "nested deeper"},
		"single quotes":    {`{'a':1}`, "name in quotes"},
		"literal":          {`{"a":tru}`, "not a value"},
		"UTF-16":           {"\xff\xfe{\x00}\x00", "not UTF-8"},
		"byte order mark":  {"\ufeff{}", "start with {"},
	} {
		_, err := Parse([]byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.say) || KindOf(err) != Invalid {
			t.Errorf("%s: %v, want an Invalid error that says %q", name, err, c.say)
		}
	}
}

func TestSplice(t *testing.T) {
	got := string(Splice([]byte("abcdef"), []Edit{{0, 1, []byte("X")}, {2, 2, []byte("--")}, {4, 6, nil}}))
	if got != "Xb--cd" {
		t.Errorf("%q", got)
	}
}

// FuzzParse holds the strict parser against encoding/json: whatever we accept it must accept, with equal content, and
// what we refuse beyond it must be one of the things we are stricter about.
func FuzzParse(f *testing.F) {
	for _, s := range []string{pressure, "{}", `{"a":[1,-0,1e5,"\u00e9",{"b":[[]]}]}`, `{"a":1,"a":2}`, `{"a":"\ud83d\ude00"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		valid := json.Valid(data)
		if err != nil {
			if msg := err.Error(); valid && bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) &&
				!strings.Contains(msg, "twice") && !strings.Contains(msg, "UTF-8") && !strings.Contains(msg, "deeper") &&
				!strings.Contains(msg, "escape") && !strings.Contains(msg, "64 kB") {
				t.Fatalf("refused valid JSON: %v", err)
			}
			return
		}
		if !valid {
			t.Fatal("accepted what encoding/json refuses")
		}
		var want any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		same(t, r.Root(), want)
	})
}

func same(t *testing.T, v Value, want any) {
	switch w := want.(type) {
	case map[string]any:
		if v.Kind() != Object || v.Len() != len(w) {
			t.Fatalf("object of %d members, want %d", v.Len(), len(w))
		}
		for name, m := range v.Members() {
			if !v.Get(name).Same(m) {
				t.Fatalf("Get(%q) finds another member", name)
			}
			same(t, m, w[name])
		}
	case []any:
		if v.Kind() != Array || v.Len() != len(w) {
			t.Fatalf("array of %d, want %d", v.Len(), len(w))
		}
		i := 0
		for e := range v.Items() {
			same(t, e, w[i])
			i++
		}
	case string:
		if v.Kind() != String || v.Text() != w || !v.Is(w) {
			t.Fatalf("string %q, want %q", v.Text(), w)
		}
	case json.Number:
		if v.Kind() != Number || v.Text() != w.String() {
			t.Fatalf("number %q, want %q", v.Text(), w)
		}
	case bool:
		if v.Bool() != w {
			t.Fatalf("boolean %v, want %v", v.Bool(), w)
		}
	case nil:
		if v.Kind() != Null {
			t.Fatalf("kind %d, want null", v.Kind())
		}
	}
}

func BenchmarkParse(b *testing.B) {
	data := []byte(pressure)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
