package fhirxml

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/kith-care/kith/fhir"
)

const ns = ` xmlns="http://hl7.org/fhir"`

func TestToJSON(t *testing.T) {
	for name, c := range map[string][2]string{
		"members in the order of the tables, repeats gathered": {
			`<Patient` + ns + `><name><given value="A"/><family value="B"/><given value="C"/></name><id value="p"/><name><text value="T"/></name></Patient>`,
			`{"resourceType":"Patient","id":"p","name":[{"family":"B","given":["A","C"]},{"text":"T"}]}`},
		"a primitive with id and extension": {
			`<Patient` + ns + `><birthDate id="x" value="1970"><extension url="http://e"><valueTime value="10:00:00"/></extension></birthDate></Patient>`,
			`{"resourceType":"Patient","birthDate":"1970","_birthDate":{"id":"x","extension":[{"url":"http://e","valueTime":"10:00:00"}]}}`},
		"a primitive without a value": {
			`<Patient` + ns + `><active><extension url="http://e"><valueCode value="unknown"/></extension></active></Patient>`,
			`{"resourceType":"Patient","_active":{"extension":[{"url":"http://e","valueCode":"unknown"}]}}`},
		"null-padded arrays": {
			`<Patient` + ns + `><name><given value="A"/><given><extension url="http://e"><valueBoolean value="true"/></extension></given><given id="i" value="C"/></name></Patient>`,
			`{"resourceType":"Patient","name":[{"given":["A",null,"C"],"_given":[null,{"extension":[{"url":"http://e","valueBoolean":true}]},{"id":"i"}]}]}`},
		"an array of companions only": {
			`<Patient` + ns + `><name><given id="i"/></name></Patient>`,
			`{"resourceType":"Patient","name":[{"_given":[{"id":"i"}]}]}`},
		"digits are kept": {
			`<Observation` + ns + `><valueQuantity><value value="1.50e-3"/></valueQuantity><component><valueInteger value="-7"/></component></Observation>`,
			`{"resourceType":"Observation","valueQuantity":{"value":1.50e-3},"component":[{"valueInteger":-7}]}`},
		"references and white space in attributes": {
			"<Patient" + ns + "><name><text value='&lt;&amp;&quot;&#233;&#x1F600;&#10;a\tb\r\nc\\'/></name></Patient>",
			`{"resourceType":"Patient","name":[{"text":"<&\"é😀\na b c\\"}]}`},
		"narrative byte for byte": {
			`<Patient` + ns + `><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p  title='x'>a &amp; b<br/></p><!-- c --></div></text></Patient>`,
			`{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p  title='x'>a &amp; b<br/></p><!-- c --></div>"}}`},
		"prefixes": {
			`<?xml version="1.0" encoding="utf-8"?><!-- c --><?pi x?><f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir patient.xsd"><f:text><f:status value="empty"/><h:div class="a>b"><h:p>x<h:br /></h:p><![CDATA[<h:p>]]></h:div></f:text></f:Patient>`,
			`{"resourceType":"Patient","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\" class=\"a>b\"><p>x<br/></p><![CDATA[<h:p>]]></div>"}}`},
		"contained and entries": {
			`<Bundle` + ns + `><type value="collection"/><entry><resource><Patient><contained><Organization><id value="o"/></Organization></contained></Patient></resource></entry></Bundle>`,
			`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}]}}]}`},
		"a resource with nothing in it": {`<Basic` + ns + `/>`, `{"resourceType":"Basic"}`},
		"content that repeats another's": {
			`<Questionnaire` + ns + `><item><linkId value="1"/><item><linkId value="1.1"/></item></item></Questionnaire>`,
			`{"resourceType":"Questionnaire","item":[{"linkId":"1","item":[{"linkId":"1.1"}]}]}`},
	} {
		got, err := ToJSON([]byte(c[0]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if string(got) != c[1] {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c[1])
			continue
		}
		if back := throughXML(t, got); string(back) != c[1] {
			t.Errorf("%s: through XML:\n got %s\nwant %s", name, back, c[1])
		}
	}
}

func TestToJSONRefuses(t *testing.T) {
	deep := strings.Repeat("<item>", 200) + strings.Repeat("</item>", 200)
	for _, c := range []struct{ in, path, text string }{
		{`<Patient` + ns + `><nickname value="x"/></Patient>`, "Patient.nickname", "no such element"},
		{`<Patient` + ns + `><contact><name><given value="a"/></name></contact><contact><foo value="x"/></contact></Patient>`, "Patient.contact[1].foo", "no such element"},
		{`<Bundle` + ns + `><entry><resource><Patient><name><given value="a"/><given value=""/></name></Patient></resource></entry></Bundle>`, "Bundle.entry[0].resource.name[0].given[1]", "empty"},
		{`<Patient` + ns + `><gender value="a"/><gender value="b"/></Patient>`, "Patient.gender", "only once"},
		{`<Observation` + ns + `><valueString value="a"/><valueInteger value="1"/></Observation>`, "Observation.value", "only once"},
		{`<Patient` + ns + `><gender/></Patient>`, "Patient.gender", "value or something in it"},
		{`<Patient` + ns + `><name/></Patient>`, "Patient.name[0]", "value or something in it"},
		{`<Patient` + ns + `><active value="yes"/></Patient>`, "Patient.active", "no boolean"},
		{`<Observation` + ns + `><valueInteger value="1.0"/></Observation>`, "Observation.valueInteger", "no integer"},
		{`<Observation` + ns + `><valueInteger value="01"/></Observation>`, "Observation.valueInteger", "no integer"},
		{`<Observation` + ns + `><valueQuantity><value value=".5"/></valueQuantity></Observation>`, "Observation.valueQuantity.value", "no decimal"},
		{`<Patient` + ns + `>text</Patient>`, "Patient", "narrative only"},
		{`<Patient` + ns + `><gender value="a">x</gender></Patient>`, "Patient.gender", "narrative only"},
		{`<Patient` + ns + ` foo="x"/>`, "Patient", "no attribute foo"},
		{`<Patient` + ns + `><gender valu="a"/></Patient>`, "Patient.gender", "no attribute valu"},
		{`<Patient` + ns + `><extension><url value="x"/></extension></Patient>`, "Patient.extension[0].url", "no such element"},
		{`<Patient/>`, "Patient", "not in the namespace"},
		{`<Patient xmlns="urn:hl7-org:v3"/>`, "Patient", "not in the namespace"},
		{`<Person2` + ns + `/>`, "Person2", "no resource type"},
		{`<DomainResource` + ns + `/>`, "DomainResource", "no resource type"},
		{`<Patient` + ns + `><text><div>x</div></text></Patient>`, "Patient.text.div", "must be in the namespace"},
		{`<Patient` + ns + `><contained/></Patient>`, "Patient.contained[0]", "exactly one resource"},
		{`<Patient` + ns + `><contained><Basic/><Basic/></contained></Patient>`, "Patient.contained[0]", "exactly one resource"},
		{`<Patient` + ns + `><name xmlns="urn:x"><family value="a"/></name></Patient>`, "Patient.name", "no such element"},
		{`<Questionnaire` + ns + `>` + deep + `</Questionnaire>`, "", "deeper"},
		{`<!DOCTYPE Patient [<!ENTITY a SYSTEM "file:///etc/passwd">]><Patient` + ns + `/>`, "", "document type"},
		{`<Patient` + ns + `><gender value="&nbsp;"/></Patient>`, "", "& must begin"},
		{`<Patient` + ns + `><gender value="&#0;"/></Patient>`, "", "& must begin"},
		{`<Patient` + ns + `><gender value="a" value="b"/></Patient>`, "", "stands twice"},
		{`<Patient` + ns + `><gender value="a"`, "", "ends inside"},
		{`<Patient` + ns + `><gender value="a`, "", "does not end"},
		{`<Patient` + ns + `><gender value="a"/>`, "", "ends inside <Patient>"},
		{`<Patient` + ns + `></Person>`, "", "</Patient> must stand here"},
		{`<Patient` + ns + `/><Patient` + ns + `/>`, "", "more after the end"},
		{`<x:Patient/>`, "", "not declared"},
		{"<Patient" + ns + "><gender value='\x01'/></Patient>", "", "may not stand in XML"},
		{"<Patient" + ns + "><gender value='\xff'/></Patient>", "", "not UTF-8"},
		{"\xff\xfe<\x00", "", "UTF-16"},
		{`<?xml version="1.0" encoding="ISO-8859-1"?><Patient` + ns + `/>`, "", "ISO-8859-1"},
		{`{"resourceType":"Patient"}`, "", "must start with an element"},
		{``, "", "must start with an element"},
	} {
		_, err := ToJSON([]byte(c.in))
		fault, ok := errors.AsType[*fhir.Error](err)
		if !ok || fault.Path != c.path || !strings.Contains(fault.Msg, c.text) || fault.Kind != fhir.Invalid && fault.Kind != fhir.Unsupported {
			t.Errorf("%.200s\n got %v\nwant %s: … %s …", c.in, err, c.path, c.text)
		}
	}
}

func TestFromJSON(t *testing.T) {
	for _, c := range [][2]string{
		{`{"name":[{"given":["A"],"family":"B"}],"resourceType":"Patient","id":"p"}`,
			`<Patient` + ns + `><id value="p"/><name><family value="B"/><given value="A"/></name></Patient>`},
		{`{"resourceType":"Patient","name":[{"text":"a\nb\t<\"&>\r"}]}`,
			`<Patient` + ns + `><name><text value="a&#10;b&#9;&lt;&quot;&amp;&gt;&#13;"/></name></Patient>`},
		{`{"resourceType":"Patient","text":{"status":"empty","div":"<div>a&nbsp;b &mdash; &lt; &LT;</div>"}}`,
			`<Patient` + ns + `><text><status value="empty"/><div xmlns="http://www.w3.org/1999/xhtml">a&#xA0;b &#x2014; &lt; &#x3C;</div></text></Patient>`},
		{`{"resourceType":"Patient","extension":[{"valueString":"v","url":"http://e","id":"i"}]}`,
			`<Patient` + ns + `><extension id="i" url="http://e"><valueString value="v"/></extension></Patient>`},
	} {
		res, err := fhir.Parse([]byte(c[0]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromJSON(res)
		if err != nil || string(got) != c[1] {
			t.Errorf("%s\n got %s %v\nwant %s", c[0], got, err, c[1])
		}
	}
	for _, c := range [][3]string{
		{`{"resourceType":"Patient","name":[{"foo":1}]}`, "Patient.name[0].foo", "no such element"},
		{`{"resourceType":"Patient","_name":[{"id":"x"}]}`, "Patient._name", "no such element"},
		{`{"resourceType":"Patient","name":{"text":"x"}}`, "Patient.name", "an array must stand here"},
		{`{"resourceType":"Patient","gender":["x"]}`, "Patient.gender", "not an array"},
		{`{"resourceType":"Patient","gender":1}`, "Patient.gender", "1 is no code"},
		{`{"resourceType":"Patient","active":"true"}`, "Patient.active", `"true" is no boolean`},
		{`{"resourceType":"Patient","gender":null}`, "Patient.gender", "value or something in it"},
		{`{"resourceType":"Patient","name":[]}`, "Patient.name", "may not be empty"},
		{`{"resourceType":"Patient","name":[{}]}`, "Patient.name[0]", "value or something in it"},
		{`{"resourceType":"Patient","name":[{"given":[null]}]}`, "Patient.name[0].given[0]", "value or something in it"},
		{`{"resourceType":"Patient","gender":"\u0001"}`, "Patient.gender", "U+0001"},
		{`{"resourceType":"Patient","gender":"\ufffe"}`, "Patient.gender", "U+FFFE"},
		{`{"resourceType":"Observation","valueString":"a","valueInteger":1}`, "Observation.value", "stands twice"},
		{`{"resourceType":"Patient","text":{"div":"<div>"}}`, "Patient.text.div", "narrative cannot be written"},
		{`{"resourceType":"Patient","text":{"div":"<p>x</p>"}}`, "Patient.text.div", "one <div>"},
		{`{"resourceType":"Patient","extension":[{"_url":{"id":"x"}}]}`, "Patient.extension[0].url", "attribute"},
		{`{"resourceType":"Patient","contained":["x"]}`, "Patient.contained[0]", "no resource type"},
		{`{"resourceType":"Nothing"}`, "Nothing", "no resource type"},
		{`{}`, "", "no resource type"},
	} {
		res, err := fhir.Parse([]byte(c[0]))
		if err != nil {
			t.Fatal(err)
		}
		_, err = FromJSON(res)
		fault, ok := errors.AsType[*fhir.Error](err)
		if !ok || fault.Path != c[1] || !strings.Contains(fault.Msg, c[2]) {
			t.Errorf("%s\n got %v\nwant %s: … %s …", c[0], err, c[1], c[2])
		}
	}
}

func TestIndented(t *testing.T) {
	res, err := fhir.Parse([]byte(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a</p></div>"},"name":[{"given":["A","B"]}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Indented(res, "  ")
	want := `<Bundle xmlns="http://hl7.org/fhir">
  <type value="collection"/>
  <entry>
    <resource>
      <Patient>
        <text>
          <status value="empty"/>
          <div xmlns="http://www.w3.org/1999/xhtml"><p>a</p></div>
        </text>
        <name>
          <given value="A"/>
          <given value="B"/>
        </name>
      </Patient>
    </resource>
  </entry>
</Bundle>
`
	if string(got) != want || err != nil {
		t.Errorf("%s %v", got, err)
	}
	back, err := ToJSON(got)
	if err != nil || string(back) != string(res.Bytes()) {
		t.Errorf("%s %v", back, err)
	}
}

// What this package reads as XML, encoding/xml reads too; what it writes can be read back to the same JSON.
func FuzzToJSON(f *testing.F) {
	f.Add([]byte(`<Patient` + ns + `><text><status value="empty"/><div xmlns="http://www.w3.org/1999/xhtml">a<br/></div></text><name><given id="i" value="&#10;"/><given><extension url="u"><valueDecimal value="1.0"/></extension></given></name></Patient>`))
	f.Add([]byte(`<?xml version="1.0"?><!-- --><f:Bundle xmlns:f="http://hl7.org/fhir"><f:entry><f:resource><f:Basic/></f:resource></f:entry></f:Bundle>`))
	f.Add([]byte(`<Patient` + ns + `><text><h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p a="1">]]&gt;<![CDATA[x]]></h:p></h:div></text></Patient>`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if s, err := scan(in); err == nil {
			agrees(t, in, s)
		}
		asJSON, err := ToJSON(in)
		if err != nil {
			return
		}
		res, err := fhir.Parse(asJSON)
		if err != nil {
			if strings.Contains(err.Error(), "nested deeper") {
				return
			}
			t.Fatalf("%q became %s: %v", in, asJSON, err)
		}
		asXML, err := FromJSON(res)
		if err != nil {
			t.Fatalf("%q became %s: %v", in, asJSON, err)
		}
		again, err := ToJSON(asXML)
		if err != nil || string(again) != string(asJSON) {
			t.Fatalf("%q became %s, then %s, then %s %v", in, asJSON, asXML, again, err)
		}
	})
}

// agrees holds the scanner against encoding/xml: well-formed for one, well-formed for the other.
func agrees(t *testing.T, in []byte, s *scanner) {
	decoder := xml.NewDecoder(strings.NewReader(string(in)))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		_, err := decoder.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%q is accepted, encoding/xml says %v", in, err)
		}
	}
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","text":{"status":"empty","div":"<div>&nbsp;<p a='x'/></div>"},"_birthDate":{"id":"x"},"name":[{"given":["a",null],"_given":[null,{"id":"b"}]}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Basic"},"fullUrl":"urn:uuid:1"}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		res, err := fhir.Parse(in)
		if err != nil {
			return
		}
		asXML, err := FromJSON(res)
		if err != nil {
			return
		}
		back, err := ToJSON(asXML)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, asXML, err)
		}
		if _, err := fhir.Parse(back); err != nil {
			t.Fatalf("%q became %q and then %q: %v", in, asXML, back, err)
		}
	})
}
