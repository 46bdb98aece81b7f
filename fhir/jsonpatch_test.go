package fhir

import (
	"strings"
	"testing"
)

// TestJSONPatch is the appendix of RFC 6902, and what a resource needs beyond it.
func TestJSONPatch(t *testing.T) {
	for _, c := range []struct{ name, doc, patch, want string }{
		{"A.1 add a member", `{ "foo": "bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{ "foo": "bar","baz":"qux"}`},
		{"A.2 add an element", `{ "foo": [ "bar", "baz" ] }`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{ "foo": [ "bar", "qux","baz" ] }`},
		{"A.3 remove a member", `{ "baz": "qux", "foo": "bar" }`, `[{"op":"remove","path":"/baz"}]`, `{ "foo": "bar" }`},
		{"A.4 remove an element", `{ "foo": [ "bar", "qux", "baz" ] }`, `[{"op":"remove","path":"/foo/1"}]`, `{ "foo": [ "bar", "baz" ] }`},
		{"A.5 replace", `{ "baz": "qux", "foo": "bar" }`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{ "baz": "boo", "foo": "bar" }`},
		{"A.6 move a value", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`,
			`{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{"A.7 move an element", `{ "foo": [ "all", "grass", "cows", "eat" ] }`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{ "foo": [ "all", "cows", "eat","grass" ] }`},
		{"A.8 test", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2.0}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{"A.10 add a nested member", `{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"foo":"bar","child":{"grandchild":{}}}`},
		{"A.11 unknown members are ignored", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"foo":"bar","baz":"qux"}`},
		{"A.14 tilde", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{"A.16 add an array", `{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
		{"copy", `{"a":{"x":[1.50]},"b":[]}`, `[{"op":"copy","from":"/a/x/0","path":"/b/0"}]`, `{"a":{"x":[1.50]},"b":[1.50]}`},
		{"add replaces what is there", `{"a": 1 ,"b":2}`, `[{"op":"add","path":"/a","value":null}]`, `{"a": null ,"b":2}`},
		{"remove the last member", `{"a":1 , "b" : 2 }`, `[{"op":"remove","path":"/b"}]`, `{"a":1 }`},
		{"remove the only member", `{"a":{ "b" : 2 }}`, `[{"op":"remove","path":"/a/b"}]`, `{"a":{  }}`},
		{"an empty object and array", `{"a":{},"b":[ ]}`, `[{"op":"add","path":"/a/x","value":1},{"op":"add","path":"/b/0","value":2}]`, `{"a":{"x":1},"b":[2 ]}`},
		{"replace the whole", `{"a":1}`, `[{"op":"replace","path":"","value":{"b":2}}]`, `{"b":2}`},
		{"names with escapes", `{"a\u0062\"":1}`, `[{"op":"remove","path":"/ab\""},{"op":"add","path":"/q\"/","value":0},{"op":"add","path":"/x~1y\"","value":0}]`, ``},
		{"an empty name", `{"":1,"a":[{"":2}]}`, `[{"op":"remove","path":"/a/0/"},{"op":"replace","path":"/","value":3}]`, `{"":3,"a":[{}]}`},
		{"move onto itself", `{"a":1}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":1}`},
	} {
		r, err := Parse([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		ops, err := ParseJSONPatch([]byte(c.patch))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := r.Patch(ops)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: gave %s", c.name, got.Bytes())
			}
			continue
		}
		if err != nil || string(got.Bytes()) != c.want {
			t.Errorf("%s: got %v %s, want %s", c.name, err, bytesOf(got), c.want)
		}
		if string(r.Bytes()) != c.doc {
			t.Errorf("%s: the resource itself was changed", c.name)
		}
	}
}

func bytesOf(r *Resource) []byte {
	if r == nil {
		return nil
	}
	return r.Bytes()
}

func TestJSONPatchRefuses(t *testing.T) {
	doc := `{"baz":"qux","foo":["a",2],"o":{}}`
	for _, c := range []struct {
		patch string
		kind  ErrKind
		want  string
	}{
		{`{"op":"add"}`, Invalid, "a JSON Patch is an array of operations"},
		{`[],"x":[]`, Invalid, "a JSON Patch is an array of operations"},
		{`[{"op":"add","path":"/x","value":1},{"op":"spin","path":"/x"}]`, Invalid, `JSON Patch operation 2: op is one of`},
		{`[{"op":"add","path":"/x"}]`, Invalid, "JSON Patch operation 1: value is missing"},
		{`[{"op":"add","path":"x","value":1}]`, Invalid, "JSON Patch operation 1: path is missing or no JSON Pointer"},
		{`[{"op":"add","path":"/x~2","value":1}]`, Invalid, "JSON Patch operation 1: path is missing or no JSON Pointer"},
		{`[{"op":"move","path":"/x"}]`, Invalid, "JSON Patch operation 1: from is missing or no JSON Pointer"},
		{`[{"op":"add","op":"remove","path":"/x"}]`, Invalid, "the JSON Patch is not JSON"},
		{`[{"op":"test","path":"/baz","value":"bar"}]`, Conflict, `operation 1 (test /baz): the value is "qux", not "bar"`},
		{`[{"op":"test","path":"/nothing","value":1}]`, Conflict, `operation 1 (test /nothing): there is nothing at /nothing`},
		{`[{"op":"add","path":"/a/b","value":1}]`, Unprocessable, "operation 1 (add /a/b): there is nothing at /a"},
		{`[{"op":"remove","path":"/foo/2"}]`, Unprocessable, "operation 1 (remove /foo/2): there is nothing at /foo/2"},
		{`[{"op":"add","path":"/foo/3","value":1}]`, Unprocessable, `operation 1 (add /foo/3): "3" is no place in an array of 2`},
		{`[{"op":"add","path":"/foo/01","value":1}]`, Unprocessable, `operation 1 (add /foo/01): "01" is no place in an array of 2`},
		{`[{"op":"replace","path":"/foo/-","value":1}]`, Unprocessable, "operation 1 (replace /foo/-): there is nothing at /foo/-"},
		{`[{"op":"add","path":"/baz/x","value":1}]`, Unprocessable, "operation 1 (add /baz/x): /baz is neither an object nor an array"},
		{`[{"op":"remove","path":""}]`, Unprocessable, "operation 1 (remove ): the whole resource cannot be removed"},
		{`[{"op":"move","from":"/o","path":"/o/x"}]`, Unprocessable, "operation 1 (move /o/x): /o cannot be moved into itself"},
		{`[{"op":"replace","path":"","value":3}]`, Invalid, "operation 1 (replace ): "},
	} {
		r, err := Parse([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		ops, err := ParseJSONPatch([]byte(c.patch))
		if err == nil {
			_, err = r.Patch(ops)
		}
		if err == nil || KindOf(err) != c.kind || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s: %s", c.patch, err, c.kind, c.want)
		}
	}
}

func FuzzJSONPatch(f *testing.F) {
	f.Add(`{"a":{"b":[1,"x",{"c":null}]},"~/":"é"}`, `[{"op":"add","path":"/a/b/1","value":{"z":1}},{"op":"remove","path":"/a/b/0"},{"op":"move","from":"/a","path":"/q"}]`)
	f.Add(`{ "\u0061" : [ ] , "b" : { } }`, `[{"op":"copy","from":"/b","path":"/a/-"},{"op":"replace","path":"/b","value":2},{"op":"test","path":"/b","value":2.00}]`)
	f.Fuzz(func(t *testing.T, doc, patch string) {
		r, err := Parse([]byte(doc))
		if err != nil {
			return
		}
		ops, err := ParseJSONPatch([]byte(patch))
		if err != nil {
			return
		}
		got, err := r.Patch(ops)
		if string(r.Bytes()) != strings.TrimSpace(doc) {
			t.Fatal("the resource itself was changed")
		}
		if err != nil {
			if KindOf(err) == Broken {
				t.Fatal(err)
			}
			return
		}
		if _, err := Parse(got.Bytes()); err != nil {
			t.Fatalf("%s patched with %s is %s: %v", doc, patch, got.Bytes(), err)
		}
		// What was added can be found where it was added.
		if len(ops) == 1 && ops[0].Op == "add" && !strings.HasSuffix(ops[0].Path, "/-") {
			if v, err := got.at(ops[0].Path); err != nil || string(v.Raw()) != strings.TrimSpace(string(ops[0].Value)) {
				t.Fatalf("%s patched with %s is %s", doc, patch, got.Bytes())
			}
			if v, err := got.at(ops[0].Path); err == nil && v.Pointer() != ops[0].Path {
				t.Fatalf("%s is at %s", ops[0].Path, v.Pointer())
			}
		}
	})
}
