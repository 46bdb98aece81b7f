package hl7

import (
	"regexp"
	"strings"

	"github.com/kith-care/kith/fhir/r4"
)

var odsPractice = regexp.MustCompile(`^[A-Z][0-9]{5}$|^[A-Z0-9]{3,6}$`)

// practice reads PD1-3 and PD1-4: the practice and the doctor the patient is registered with.
func (b *builder) practice(x *r4.Patient, pd1 Segment) {
	org, doctor := pd1.Field(3), pd1.Field(4)
	if org.Empty() && doctor.Empty() {
		return
	}
	var list []r4.Reference
	if ref := b.organization(pd1.Place(), org); ref != nil {
		list = append(list, *ref)
	}
	for rep := range doctor.Reps() {
		if ref := b.practitioner(pd1.Place(), rep); ref != nil {
			list = append(list, *ref)
		}
	}
	if list != nil || org.Null() || doctor.Null() {
		x.GeneralPractitioner = list
	}
}

// organization reads an XON; one without a number is only named.
func (b *builder) organization(at string, p Part) *r4.Reference {
	name, number := p.Comp(1).Text(), or(p.Comp(10).Text(), p.Comp(3).Text())
	if name == "" && number == "" {
		return nil
	}
	if number == "" {
		return &r4.Reference{Type: "Organization", Display: name}
	}
	namespace, universal, kind := hd(p.Comp(6))
	system := b.authority(namespace, universal, kind)
	if upper := strings.ToUpper(namespace); upper == "ODS" || upper == "NHS ODS" || odsPractice.MatchString(number) && number[0] >= 'A' && len(number) == 6 {
		system = odsSystem
	}
	ref := b.once("Organization", system+"|"+number, func(key string) {
		x, _ := draft[r4.Organization](b, "Organization", key, at)
		x.Active = ptr(true)
		x.Identifier = []r4.Identifier{{System: system, Value: number}}
		x.Name = name
	})
	out := ref.reference()
	out.Display = name
	return out
}

// once makes a resource that messages only name (a doctor, a ward): the first one to name it makes it, and later ones
// leave it alone, so that two ways of writing a name do not take turns.
func (b *builder) once(typ, key string, make func(key string)) Ref {
	ref := Ref{typ, ID(b.cfg.Feed, typ, key)}
	if b.byRef[ref] == nil && b.current(typ, ref.ID) == nil {
		make(key)
	}
	return ref
}

// sender is the organisation of MSH-4.
func (b *builder) sender() Ref {
	f := b.msg.At(0).Field(4)
	if f.Empty() {
		return Ref{}
	}
	name := f.Comp(1).Text()
	system := b.authority("", f.Comp(2).Text(), f.Comp(3).Text())
	if f.Comp(2).Text() == "" {
		system = b.local("id", "facility")
	}
	return b.once("Organization", "facility|"+name, func(key string) {
		x, _ := draft[r4.Organization](b, "Organization", key, "MSH[1]")
		x.Active = ptr(true)
		x.Name = name
		x.Identifier = []r4.Identifier{{System: system, Value: name}}
	})
}

// practitioner reads an XCN; one without a number is only named.
func (b *builder) practitioner(at string, p Part) *r4.Reference {
	number := p.Comp(1).Text()
	n := r4.HumanName{Family: p.Comp(2).Text()}
	for _, i := range []int{3, 4} {
		if g := p.Comp(i).Text(); g != "" {
			n.Given = append(n.Given, g)
		}
	}
	if v := p.Comp(6).Text(); v != "" {
		n.Prefix = []string{v}
	}
	if v := p.Comp(5).Text(); v != "" {
		n.Suffix = []string{v}
	}
	display := oneSpace(strings.Join(n.Prefix, " ") + " " + strings.Join(n.Given, " ") + " " + n.Family + " " + strings.Join(n.Suffix, " "))
	if number == "" && display == "" {
		return nil
	}
	if number == "" || n.Family == "" && strings.Contains(number, " ") { // a name where the number belongs
		return &r4.Reference{Type: "Practitioner", Display: or(display, number)}
	}
	namespace, universal, kind := hd(p.Comp(9))
	if namespace == "" && universal == "" {
		namespace = or(p.Comp(8).Text(), "staff")
	}
	system := b.authority(namespace, universal, kind)
	switch strings.ToUpper(namespace) {
	case "GMC":
		system = gmcSystem
	case "GMP":
		system = gmpSystem
	}
	ref := b.once("Practitioner", system+"|"+number, func(key string) {
		x, _ := draft[r4.Practitioner](b, "Practitioner", key, at)
		x.Active = ptr(true)
		x.Identifier = []r4.Identifier{{System: system, Value: number}}
		if n.Family != "" || n.Given != nil {
			x.Name = []r4.HumanName{n}
		}
	})
	out := ref.reference()
	out.Display = display
	return out
}
