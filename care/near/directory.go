package near

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/r4"
	"github.com/kith-care/kith/record"
)

// selfReferral is the referral method of what one can go to without being referred.
const selfReferral = "Self-referral"

// directoryFile is a place's own directory.
type directoryFile struct {
	Directory string // its name; entries of the same name that are gone from it are no longer active
	Reviewed  string // the day when somebody last went through it, such as 2026-11-26
	Services  []serviceFile
}

// serviceFile is one entry as a person writes it.
type serviceFile struct {
	Name, What, For, Street, Town, Postcode, When, Phone, Email, Web, Cost, By string
	Kinds, Helps                                                               []string
	Self                                                                       *bool // one can go without being referred; true where it is not said
}

// Load reads a directory (YAML) and keeps its entries in the record. An entry is told by its name: reading the file again changes what changed, and
// what is gone from the file is no longer active. What is wrong is named with its line, and nothing is kept then.
func Load(ctx context.Context, door *record.Door, r io.Reader) (entries int, err error) {
	var root yaml.Node
	decoder := yaml.NewDecoder(r)
	if err := decoder.Decode(&root); err != nil {
		return 0, fhir.Errorf(fhir.Invalid, "the directory cannot be read: %v", err)
	}
	var file directoryFile
	if err := root.Decode(&file); err != nil {
		return 0, fhir.Errorf(fhir.Invalid, "the directory cannot be read: %v", err)
	}
	if file.Directory == "" || file.Reviewed == "" || len(file.Services) == 0 {
		return 0, fhir.Errorf(fhir.Invalid, "the directory needs directory, reviewed and services")
	}
	var ops []record.Op
	kept := map[string]bool{}
	for i, one := range file.Services {
		if err := one.check(); err != nil {
			return 0, fhir.Errorf(fhir.Invalid, "service %d (%s): %v", i+1, one.Name, err)
		}
		id := idOf(file.Directory, one.Name)
		if kept[id] {
			return 0, fhir.Errorf(fhir.Invalid, "service %d: %s stands there twice", i+1, one.Name)
		}
		kept[id] = true
		location, service := one.resources(file.Directory, id)
		for _, text := range [][]byte{r4.Encode(location), r4.Encode(service)} {
			res, err := fhir.Parse(text)
			if err != nil {
				return 0, err
			}
			ops = append(ops, record.Op{Method: record.Update, Type: res.Type(), ID: id, Resource: res, Same: true})
		}
	}
	for m, err := range door.All(ctx, me, "HealthcareService?active=true&identifier="+url.QueryEscape(nearSystem+"|"+file.Directory)) {
		if err != nil {
			return 0, err
		}
		if !kept[m.ID] {
			ops = append(ops, record.Op{Method: record.Patch, Type: "HealthcareService", ID: m.ID, Patch: func(res *fhir.Resource) (*fhir.Resource, error) {
				var h r4.HealthcareService
				if err := r4.Decode(res, &h); err != nil {
					return nil, err
				}
				over := false
				h.Active = &over
				return r4.Resource(&h)
			}})
		}
	}
	_, err = door.Commit(ctx, me, ops)
	return len(kept), err
}

func (one *serviceFile) check() error {
	if one.Name == "" || one.What == "" {
		return fhir.Errorf(fhir.Invalid, "name and what are needed")
	}
	if len(one.Kinds) == 0 {
		return fhir.Errorf(fhir.Invalid, "at least one kind is needed")
	}
	for _, k := range one.Kinds {
		if !slices.ContainsFunc(Kinds, func(known Kind) bool { return known.Code == k }) {
			return fhir.Errorf(fhir.Invalid, "%q is no kind", k)
		}
	}
	if one.Web != "" {
		if u, err := url.Parse(one.Web); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return fhir.Errorf(fhir.Invalid, "%q is no address of a page", one.Web)
		}
	}
	return nil
}

func (one *serviceFile) resources(directory, id string) (*r4.Location, *r4.HealthcareService) {
	active := true
	h := &r4.HealthcareService{ID: id, Active: &active, Identifier: []r4.Identifier{{System: nearSystem, Value: directory}}, Name: one.Name, Comment: one.What, ExtraDetails: one.Cost, AvailabilityExceptions: one.When,
		Location: []r4.Reference{{Reference: "Location/" + id}}}
	for _, k := range one.Kinds {
		h.Category = append(h.Category, r4.CodeableConcept{Coding: []r4.Coding{{System: kindSystem, Code: k}}})
	}
	for _, x := range one.Helps {
		h.Characteristic = append(h.Characteristic, r4.CodeableConcept{Coding: []r4.Coding{{System: helpsSystem, Code: x}}})
	}
	if one.For != "" {
		h.Eligibility = []r4.HealthcareServiceEligibility{{Comment: one.For}}
	}
	if one.By != "" {
		h.ProvidedBy = &r4.Reference{Display: one.By}
	}
	if one.Self == nil || *one.Self {
		h.ReferralMethod = []r4.CodeableConcept{{Text: selfReferral}}
	}
	for _, t := range []r4.ContactPoint{{System: "phone", Value: one.Phone}, {System: "email", Value: one.Email}, {System: "url", Value: one.Web}} {
		if t.Value != "" {
			h.Telecom = append(h.Telecom, t)
		}
	}
	l := &r4.Location{ID: id, Status: "active", Name: one.Name, Address: &r4.Address{City: one.Town, PostalCode: one.Postcode}}
	if one.Street != "" {
		l.Address.Line = []string{one.Street}
	}
	if one.Street+one.Town+one.Postcode == "" {
		l.Address = nil
	}
	return l, h
}

// idOf is the id of an entry: the same whenever its file is read.
func idOf(directory, name string) string {
	sum := sha256.Sum256([]byte(directory + "\x00" + strings.ToLower(strings.TrimSpace(name))))
	return "near-" + hex.EncodeToString(sum[:12])
}
