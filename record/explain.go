package record

import (
	"context"
	"strings"

	"github.com/kith-care/kith/store"
)

// Schema is the schema version of the databases that this program writes.
var Schema = store.Schema

// Explanation is how a search is answered.
type Explanation struct {
	Plan     string // in words
	SQL      string
	Database string // the database's own plan
}

// Explain shows how a query is answered, without answering it: no person's data is read but for ids in a chain.
func (d *Door) Explain(ctx context.Context, query string) (*Explanation, error) {
	typ, params, _ := strings.Cut(query, "?")
	q, err := d.parser(false).Parse(typ, params)
	if err != nil {
		return nil, err
	}
	if err := d.resolve(ctx, nil, q, 0); err != nil {
		return nil, err
	}
	plan := q.Plan()
	sql, database, err := d.store.Explain(ctx, plan)
	return &Explanation{plan.String(), sql, database}, err
}
