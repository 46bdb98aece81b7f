package town

// Clinician is somebody who sees patients in the town, and where.
type Clinician struct {
	ID, Name, Role string // the role: General practitioner, Practice nurse, or a specialty of the hospital
	Referral       string // SNOMED CT code of a referral to that specialty, "" for none
	Place          Premises
}

// Premises are an organisation of the town with its address.
type Premises struct{ ODS, Name, Street, Postcode, Telephone string }

// Clinicians are those who work at the town's practices and its hospital, place by place.
func (t Town) Clinicians() []Clinician {
	p := t.place()
	var out []Clinician
	for i := range p.staff {
		s := &p.staff[i]
		c := Clinician{ID: s.id, Name: s.name(), Role: s.role, Place: Premises{s.at.ods, s.at.name, s.at.street, s.at.postcode, s.at.phone}}
		if code := referralCode[s.role]; code != "" {
			c.Referral = coded(code).snomed
		}
		out = append(out, c)
	}
	return out
}
