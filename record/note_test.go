package record_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// Two processes that count in one box never lose a count, and every change is in the audit.
func TestDecideIsExactAcrossProcesses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		doors := []*record.Door{record.TestOn(t, db), record.TestOn(t, db)}
		before, err := doors[0].VerifyAudit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		const each = 25
		var all sync.WaitGroup
		for i := range 4 {
			box := doors[i%2].Box("test")
			all.Go(func() {
				for range each {
					err := box.Decide(t.Context(), func(read func(kind, key string) ([]byte, error)) (record.Noted, error) {
						have, err := read("count", "all")
						n, _ := strconv.Atoi(string(have))
						return record.Noted{Items: []record.BoxItem{{Kind: "count", Key: "all", Value: []byte(strconv.Itoa(n + 1))}}, Who: access.Actor{ID: "test"}, Action: access.Update, What: "counted"}, err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if have, err := doors[0].Box("test").Get(t.Context(), "count", "all"); err != nil || string(have) != strconv.Itoa(4*each) {
			t.Errorf("counted %s (%v), not %d", have, err, 4*each)
		}
		if after, err := doors[0].VerifyAudit(t.Context()); err != nil || after-before != 4*each {
			t.Errorf("%d entries in the audit (%v), not %d", after-before, err, 4*each)
		}
	})
}

// What is refused changes nothing.
func TestDecideThatFailsWritesNothing(t *testing.T) {
	d := record.Test(t)
	box := d.Box("test")
	wrong := errors.New("no")
	err := box.Decide(t.Context(), func(func(kind, key string) ([]byte, error)) (record.Noted, error) {
		return record.Noted{Items: []record.BoxItem{{Kind: "a", Key: "b", Value: []byte("c")}}, What: "x"}, wrong
	})
	if !errors.Is(err, wrong) {
		t.Errorf("the error is %v", err)
	}
	if have, _ := box.Get(t.Context(), "a", "b"); have != nil {
		t.Errorf("%s was written", have)
	}
	err = box.Decide(t.Context(), func(func(kind, key string) ([]byte, error)) (record.Noted, error) {
		return record.Noted{Items: []record.BoxItem{{Kind: "a", Value: []byte("c")}}}, nil
	})
	if err == nil {
		t.Error("an item without a key was written")
	}
}
