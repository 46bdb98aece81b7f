package town

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/kith-care/kith/fhir"
)

// stream is a feed whose records come as things happen. Records wait in a file a day and are put in order of time in
// the end: nobody's memory holds a whole town's messages.
type stream struct {
	feed  int
	name  string
	from  time.Time // records before are not written
	since time.Time // those before are not sent again, zero for all
	few   bool      // the town is small: sixteen days wait in one file
	cuts  []time.Time
	parts []streamPart
	rows  func(*stream, *chart, *outbox) []trueRecord // writes a person's records; what the service calls the person, nothing where it does not know them
	once  func(*stream, *outbox)                      // what is written once, nil for nothing
}

// streamPart is one file of a stream.
type streamPart struct{ file, header string }

// lately shortens streams to the month before the bulk extract, where that is all that is written.
func (d Density) lately(feeds []feed, bulk time.Time) {
	if d != Lately {
		return
	}
	month := bulk.Add(-30 * day)
	for _, f := range feeds {
		switch s := f.(type) {
		case *stream:
			if s.from.Before(month) {
				s.from = month
			}
		case *highStreet:
			s.from = month
		}
	}
}

// streamBack is how long before the bulk extract streams begin: from before the spring's change of clocks.
const streamBack = 240

// buckets is how many files records wait in before they are put in order.
func (s *stream) buckets() int { return s.bucket(s.last()) + 1 }

func (s *stream) bucket(at time.Time) int {
	n := int(at.Sub(s.from) / day)
	if s.few {
		n /= 16
	}
	return n
}

func (s *stream) last() time.Time { return s.cuts[len(s.cuts)-1] }

func (s *stream) key(part int, at time.Time) sheetKey {
	return sheetKey{s.feed, s.bucket(at), part}
}

func (s *stream) begin(w *files) error {
	for n := range s.buckets() {
		for part := range s.parts {
			if err := w.begin(sheetKey{s.feed, n, part}, s.name+"/.unsorted/"+strconv.Itoa(n)+"-"+strconv.Itoa(part), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stream) shared(o *outbox) {
	if s.once != nil {
		s.once(s, o)
	}
}

func (s *stream) write(c *chart, o *outbox, records []trueRecord) []trueRecord {
	return append(records, s.rows(s, c, o)...)
}

// within reports whether the stream carries what happens at a time.
func (s *stream) within(at time.Time) bool { return !at.Before(s.from) && at.Before(s.last()) }

// put adds a record that came at a time; before the stream began or after its end it was never sent.
func (s *stream) put(o *outbox, part int, at time.Time, data []byte) bool {
	if !s.within(at) {
		return false
	}
	if at.Before(s.since) {
		return true
	}
	sheet := o.sheet(s.key(part, at))
	sheet.data = binary.BigEndian.AppendUint64(sheet.data, uint64(at.UnixNano()))
	sheet.data = binary.BigEndian.AppendUint32(sheet.data, uint32(len(data)))
	sheet.data = append(sheet.data, data...)
	o.rows++
	return true
}

// record is one of a stream.
type streamed struct {
	at   time.Time
	data []byte
}

func unpacked(data []byte) (all []streamed) {
	for len(data) >= 12 {
		at, n := time.Unix(0, int64(binary.BigEndian.Uint64(data))).UTC(), binary.BigEndian.Uint32(data[8:])
		all = append(all, streamed{at, data[12 : 12+n]})
		data = data[12+n:]
	}
	slices.SortStableFunc(all, func(a, b streamed) int { return a.at.Compare(b.at) })
	return all
}

// end puts each part's records in order.
func (s *stream) end(w *files) error {
	for part, p := range s.parts {
		out, err := os.Create(filepath.Join(w.dir, s.name, p.file))
		if err != nil {
			return fhir.Errorf(fhir.Broken, "%s could not be written: %v", p.file, err)
		}
		_, err = out.WriteString(p.header)
		for n := 0; n < s.buckets() && err == nil; n++ {
			k := sheetKey{s.feed, n, part}
			if err = w.flush(k, w.files[k]); err != nil {
				break
			}
			delete(w.files, k)
			var data []byte
			if data, err = os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(w.names[k]))); err != nil {
				break
			}
			for _, r := range unpacked(data) {
				if _, err = out.Write(r.data); err != nil {
					break
				}
			}
		}
		if e := out.Close(); err == nil {
			err = e
		}
		if err != nil {
			return fhir.Errorf(fhir.Broken, "%s could not be written: %v", p.file, err)
		}
	}
	return os.RemoveAll(filepath.Join(w.dir, s.name, ".unsorted"))
}

func (s *stream) folders() []string { return []string{s.name} }
