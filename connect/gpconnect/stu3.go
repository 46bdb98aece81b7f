package gpconnect

// giving is a record being written in STU3.
type giving struct{}
