package export

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// Status is how far an extract is.
type Status struct {
	Done     bool
	Progress string // in words, while it is not done
	Request  string
	Moment   time.Time // the record as it was then: nothing newer, and everything up to it
	Until    time.Time // when it is thrown away
	Files    []File
}

// File is one file of an extract, of resources of one type or of deletions.
type File struct {
	Number  int
	Type    string
	Deleted bool
	Count   int // of resources when it was prepared, or of deletions. What the asker may not see any more is left out when it is fetched.
	Lines   int // of the file
}

// Status says how far an extract of the asker is. NotFound where they have none of that id; where preparing it failed, the error says why.
func (s *Service) Status(ctx context.Context, who access.Actor, id string) (*Status, error) {
	j, err := s.mine(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if j.State == failed {
		return nil, fhir.Errorf(j.Kind, "%s", j.Why)
	}
	out := &Status{Done: j.State == finished, Request: j.Request, Moment: j.Moment, Until: j.Until}
	if !out.Done {
		// Only how many types are done: it depends on nothing that the asker may not see.
		out.Progress = fmt.Sprintf("%d of %d types of resources", j.At.Type, len(j.Types))
		return out, nil
	}
	for i, f := range j.Files {
		lines := f.Count
		if f.Deleted {
			lines = f.Pieces
		}
		out.Files = append(out.Files, File{i, f.Type, f.Deleted, f.Count, lines})
	}
	return out, nil
}

// Remove ends an extract of the asker and throws away what is kept of it.
func (s *Service) Remove(ctx context.Context, who access.Actor, id string) error {
	if _, err := s.mine(ctx, who, id); err != nil {
		return err
	}
	return s.box().Decide(ctx, func(get func(kind, key string) ([]byte, error)) (record.Noted, error) {
		j, err := record.ReadJSON[job](get, kindJob, id)
		if err != nil || j == nil {
			return record.Noted{}, err
		}
		j.State = removed
		return record.Noted{Items: []record.BoxItem{record.JSONItem(kindJob, id, j)}, Jobs: []record.Job{{Name: id}}, Who: who, Action: access.Delete, What: "remove " + id}, nil
	})
}

// Open makes ready to read a file of an extract of the asker, once more refused where they may not see resources of its type any more.
func (s *Service) Open(ctx context.Context, who access.Actor, id string, number int) (*Reading, error) {
	j, err := s.mine(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if j.State != finished || number < 0 || number >= len(j.Files) {
		return nil, fhir.Errorf(fhir.NotFound, "export %s has no file %d", id, number)
	}
	f := j.Files[number]
	if err := s.Door.MayExtract(who, f.Type); err != nil {
		return nil, err
	}
	return &Reading{s: s, who: who, job: j, number: number, Type: f.Type, Deleted: f.Deleted, Elements: j.Elements}, nil
}

// Reading is a file that is being read.
type Reading struct {
	Type     string
	Deleted  bool
	Elements []string // members of the top level that were asked for, nil for all

	s      *Service
	who    access.Actor
	job    *job
	number int
}

// Pieces are the file's resources, some at a time, as the asker may see them now. Whom each shows stands in the audit before it is answered.
func (r *Reading) Pieces(ctx context.Context) iter.Seq2[[]record.Stored, error] {
	return func(yield func([]record.Stored, error) bool) {
		for n := range r.job.Files[r.number].Pieces {
			some, err := r.piece(ctx, n)
			if !yield(some, err) || err != nil {
				return
			}
		}
	}
}

func (r *Reading) piece(ctx context.Context, n int) ([]record.Stored, error) {
	raw, err := r.s.box().Get(ctx, kindPiece, pieceKey(r.job.ID, r.number, n))
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, fhir.Errorf(fhir.Gone, "export %s was thrown away", r.job.ID)
	}
	numbers, err := unpacked(raw)
	if err != nil {
		return nil, err
	}
	slices.Sort(numbers)
	return r.s.Door.Again(ctx, r.who, fmt.Sprintf("%s %s, file %d: %s", record.Copied, r.job.ID, r.number, r.Type), numbers)
}
