package fhir

// RawName is the member name under which v stands, as it is written between its quotes (escapes not decoded), nil in
// an array. Unlike Name it does not allocate; it must not be changed.
func (v Value) RawName() []byte {
	if v.r == nil {
		return nil
	}
	return rawName(v.r.data, v.node())
}
