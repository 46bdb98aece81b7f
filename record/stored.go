package record

import "github.com/kith-care/kith/fhir/r4"

// Decode reads the resource into a struct of fhir/r4.
func (s *Stored) Decode(into any) error {
	res, err := s.Resource()
	if err != nil {
		return err
	}
	return r4.Decode(res, into)
}
