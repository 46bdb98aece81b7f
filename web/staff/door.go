package staff

import (
	"context"
	"time"

	"github.com/kith-care/kith/fhir"
)

type Actor struct{ ID, Name, Role, Purpose, From string }

type Stored struct {
	Type, ID string
	Version  int64
	Updated  time.Time
	Body     []byte
}

func (s *Stored) Resource() (*fhir.Resource, error) { return fhir.Parse(s.Body) }

type Page struct {
	Matches, Included []Stored
	Total             int64
	Next              string
}

type Door interface {
	Find(ctx context.Context, who Actor, query string) (*Page, error)
	Get(ctx context.Context, who Actor, typ, id string) (*Stored, error)
}
