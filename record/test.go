package record

import (
	"context"

	"github.com/kith-care/kith/access"
)

// TB is what Test needs of testing.TB.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(...any)
}

// Test opens a record of its own on in-memory SQLite, open to everyone, and closes it when the test ends.
func Test(t TB) *Door {
	t.Helper()
	return TestOn(t, "sqlite::memory:")
}

// TestOn is Test on the database named.
func TestOn(t TB, db string) *Door {
	t.Helper()
	d, err := Open(context.Background(), Options{DB: db, Base: "http://kith.test/fhir", Policy: access.Everyone{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return d
}
