// Package export prepares large extracts of the record for whoever asks: the jobs behind FHIR's Bulk Data Access.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html
//
// Start notes what was asked as of one moment (ask.go). A job goes through the types in small steps (step.go), each one transaction, so it
// goes on where it was after a restart, and gives way to others between two steps. Status says how far it is, and Open reads a file (file.go).
//
// What may be in an extract is decided by the record, as in a search, when it is prepared and once more when it is fetched: a file is kept as
// the numbers of versions (record.Extract), never as their content. So somebody who opts out, or closes their record, after an extract was
// started is not in what is fetched, what is erased is gone, and no second copy of the record lies about.
//
// An extract belongs to whoever started it; to others it is as if it were not there. It is thrown away after a day.
package export

import (
	"context"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Service prepares extracts of a record. Door must be set.
type Service struct {
	Door *record.Door
	Now  func() time.Time // nil for time.Now

	// Still is an actor as of now, asked before each step; an error of kind Forbidden, NotFound or Gone ends what they asked for. Nil leaves
	// them as they were.
	Still func(context.Context, access.Actor) (access.Actor, error)

	AtOnce int           // extracts that one asker may have under way, 0 for 4
	Kept   int           // extracts that one asker may have altogether, until they are thrown away, 0 for 50
	Keep   time.Duration // how long one is kept after it was prepared, 0 for a day
	Step   time.Duration // how long a step may take before others have their turn, 0 for a second
	Limit  time.Duration // how long one step may take at most; twice that after a process was killed another goes on. 0 for 30 s
	Poll   time.Duration // how long after a step the next is looked for, 0 for 250 ms
	Lines  int           // resources of one file, 0 for 100,000
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func (s *Service) box() record.Box { return s.Door.Box("export") }

// The kinds of things in the box.
const (
	kindJob    = "job"    // by id: job
	kindOwner  = "owner"  // by who started them: owned
	kindPiece  = "piece"  // by job, file and number: a part of a file
	kindPeople = "people" // by job: ids of the Patients that it is about, in order, where it is not about all
)

// The states of a job.
const (
	running  = ""
	finished = "finished"
	failed   = "failed"
	removed  = "removed" // its files are being thrown away
)

// job is an extract that was asked for.
type job struct {
	ID       string
	Who      access.Actor // who asked, as they were then
	Request  string       // the address at which it was asked for
	Types    []string     // in this order
	Filters  map[string][]string
	Elements []string
	Personal bool // only what is in people's records
	People   int  // how many Patients it is about, 0 where it is about all
	Seq      int64
	Moment   time.Time // when change Seq was made
	From     int64     // only what was written after this change
	Since    bool      // so deletions are told
	Begun    time.Time
	Until    time.Time // when it is thrown away; zero while it is under way
	State    string
	Why      string       // it failed
	Kind     fhir.ErrKind // of that error
	At       place
	Files    []file
}

// place is how far a job has come.
type place struct {
	Type    int
	Deleted bool
	Block   int // of Patients
	After   int64
}

// file is one file of an extract.
type file struct {
	Type    string
	Deleted bool
	Count   int // of resources, or of deletions
	Pieces  int
}

// owned are the extracts of one asker.
type owned struct{ Jobs []string }

func gone(kind, key string) record.BoxItem { return record.BoxItem{Kind: kind, Key: key} }

// mine reads a job of whoever asks. One of somebody else is as if it were not there.
func (s *Service) mine(ctx context.Context, who access.Actor, id string) (*job, error) {
	j, err := record.ReadJSON[job](func(kind, key string) ([]byte, error) { return s.box().Get(ctx, kind, key) }, kindJob, id)
	if err != nil {
		return nil, err
	}
	if j == nil || j.State == removed || j.Who.Key() != who.Key() || !j.Until.IsZero() && !s.now().Before(j.Until) {
		return nil, fhir.Errorf(fhir.NotFound, "there is no such export; one is kept for a day after it was prepared")
	}
	return j, nil
}
