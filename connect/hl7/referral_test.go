package hl7

import (
	"testing"

	"github.com/kith-care/kith/fhir/r4"
)

// A wait from the referral to the operation: the ServiceRequest says when it began, on which list it is, why it ended and when.
func TestAWait(t *testing.T) {
	f := open(t, "sqlite::memory:", "zz1")
	n := byte('0')
	send := func(kind, at, rest string) {
		n++
		accepted(t, f, `MSH|^~\&|PAS|ZZ1|KITH|PLACE|`+at+"||"+kind+"|W"+string(n)+"|P|2.4\n"+rest)
	}
	const pid = "\nPID|1||M1^^^ZZ1^MR" + okafor
	rf1 := func(status, list, ended string) string {
		return "RF1|" + status + "|R|183542009^Referral to orthopaedic service^SCT||" + list + "|R7^ZZ1|20260105101500|" + ended + "||Knee|123456789012^UBRN\nPRD|RP|Adeyemi^Bola" + pid
	}
	referral := func() *r4.ServiceRequest { return read[r4.ServiceRequest](t, f, "ServiceRequest", "RF1|R7|zz1") }
	sch := func(event, at, status, when string) {
		send("SIU^"+event, at, "SCH|S7|S7^ZZ1|||||Knee|CONSULT^New|25|min|"+when+"||||||||||||||"+status+"|R7^ZZ1"+pid+"\nRGS|1|A\nAIL|1|A|Outpatients^^^ZZ1")
	}
	bed := func(event, at, pv2 string) *r4.Encounter {
		send("ADT^"+event, at, "EVN|"+event+"|"+at+pid+"\nPV1|1|I|Ash^^^ZZ1||||||||||||||||V7^^^ZZ1\nPV2|||Knee|||||"+pv2)
		return read[r4.Encounter](t, f, "Encounter", "visit|ZZ1|V7")
	}

	send("REF^I12", "20260105103000", rf1("P", "O^Outpatient", ""))
	if r := referral(); r.Status != "active" || len(r.Identifier) != 2 || r.Identifier[1].System != ubrnSystem || r.AuthoredOn.String()[:10] != "2026-01-05" || r.Extension != nil {
		t.Errorf("referred: %s", r4.Encode(r))
	}
	send("REF^I13", "20260108090000", rf1("A^Accepted^HL70283^10^First activity^RTT", "O^Outpatient", ""))
	sch("S12", "20260108090100", "Waitlist", "")
	if a := read[r4.Appointment](t, f, "Appointment", "S7|"); a.Status != "waitlist" || a.Start.Year != 0 || len(a.BasedOn) != 1 || a.BasedOn[0].Reference != "ServiceRequest/"+referral().ID {
		t.Errorf("on the list: %s", r4.Encode(a))
	}
	sch("S14", "20260201090000", "Booked", "^^25^20260310100000^20260310102500")
	if a := read[r4.Appointment](t, f, "Appointment", "S7|"); a.Status != "booked" || a.Start.String()[:10] != "2026-03-10" {
		t.Errorf("booked: %s", r4.Encode(a))
	}
	send("REF^I13", "20260310110000", rf1("A^Accepted^HL70283^20^Subsequent activity^RTT", "I^Inpatient", ""))
	if r := referral(); r.Status != "active" || len(r.Category) != 2 || r.Category[1].Coding[0].Code != "I" || r.Extension[0].ValueCodeableConcept.Coding[0].Code != "20" {
		t.Errorf("to be treated: %s", r4.Encode(r))
	}
	if e := bed("A05", "20260310111500", ""); e.Status != "planned" || e.Extension != nil {
		t.Errorf("on the list for a bed: %s", r4.Encode(e))
	}
	if e := bed("A14", "20260401090000", "20260420070000"); e.Status != "planned" || len(e.Extension) != 1 || e.Extension[0].ValueDateTime.String()[:10] != "2026-04-20" {
		t.Errorf("a bed is promised: %s", r4.Encode(e))
	}
	if e := bed("A27", "20260418090000", `""`); e.Status != "cancelled" || e.Extension != nil {
		t.Errorf("the bed was taken back: %s", r4.Encode(e))
	}
	bed("A14", "20260419090000", "20260504070000")
	if e := bed("A01", "20260504073000", ""); e.Status != "in-progress" || len(e.Extension) != 1 {
		t.Errorf("admitted: %s", r4.Encode(e))
	}
	send("REF^I13", "20260504080000", rf1("A^Accepted^HL70283^30^Start of first definitive treatment^RTT", "I^Inpatient", "20260504073000"))
	r := referral()
	if r.Status != "completed" || r.OccurrencePeriod == nil || r.OccurrencePeriod.Start != r.AuthoredOn ||
		r.OccurrencePeriod.End.String()[:10] != "2026-05-04" || r.Extension[0].ValueCodeableConcept.Coding[0].Code != "30" {
		t.Errorf("treated: %s", r4.Encode(r))
	}
	send("REF^I14", "20260505080000", rf1("A^Accepted^HL70283^35^Patient declined offered treatment^RTT", "I^Inpatient", `""`))
	if r := referral(); r.Status != "revoked" || r.OccurrencePeriod != nil || len(r.Extension) != 1 {
		t.Errorf("taken off the list: %s", r4.Encode(r))
	}
}
