package bulk_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/conformance/need"
	"github.com/kith-care/kith/connect/files"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/store/storetest"
)

const synthea = "patients/synthea-r4-A-ndjson"

// imported are the resources of the Synthea files, by Type/id, as they stand there.
func imported(t testing.TB, p *place) map[string][]byte {
	t.Helper()
	folder := need.Data(t, synthea)
	im := files.Import{Door: p.door, Who: theSystem, Bad: func(problem files.Problem) { t.Error(problem.Error()) }}
	if _, err := im.Run(t.Context(), []string{folder}); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(folder, "*.ndjson.gz"))
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			r, err := fhir.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			out[r.Type()+"/"+r.ID()] = line
		}
	}
	return out
}

// written is what the record adds to a resource.
var written = regexp.MustCompile(`"versionId":"1","lastUpdated":"[^"]+",?`)

// Whole records go in as NDJSON and come out as NDJSON, to the byte but for meta.versionId and meta.lastUpdated.
func TestSyntheaComesOutAsItWentIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db string) {
		p := open(t, db, access.Everyone{})
		want := imported(t, p)
		p.run()
		got := p.export("service", "$export", "")
		if len(got) != len(want) || len(got) < 1000 {
			t.Errorf("%d resources came out, %d went in", len(got), len(want))
		}
		for name, raw := range want {
			out := strings.Replace(written.ReplaceAllString(got[name], ""), `,"meta":{}`, "", 1)
			if out != string(raw) {
				t.Fatalf("%s came out as\n%s\nand went in as\n%s", name, got[name], raw)
			}
		}
	})
}

// Resources a second from asking until all is prepared, and of fetching the files as they are and compressed; the most memory in use meanwhile.
func BenchmarkExport(b *testing.B) {
	for _, kind := range []struct {
		name string
		db   func(testing.TB) string
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}} {
		b.Run(kind.name, func(b *testing.B) {
			p := open(b, kind.db(b), access.Default())
			p.exports.Poll, p.exports.Lines, p.exports.Kept = 0, 0, 1000
			stored := len(imported(b, p))
			p.who["all"] = access.Actor{ID: "client/all", Role: "system", Organization: "X", Purpose: "PUBHLTH", App: &access.Client{ID: "all", Scopes: service("system/*.rs").App.Scopes}}
			p.run()
			peak, done := watchMemory()
			var prepared, fetched, zipped time.Duration
			n, size := 0, int64(0)
			b.ResetTimer()
			for b.Loop() {
				began := time.Now()
				m := p.wait("all", p.start("all", "$export", ""))
				prepared += time.Since(began)
				for _, f := range m.Output {
					n += f.Count
				}
				for _, encoding := range []string{"identity", "gzip"} {
					began = time.Now()
					for _, f := range m.Output {
						size += fetch(b, f.URL, encoding)
					}
					if encoding == "gzip" {
						zipped += time.Since(began)
					} else {
						fetched += time.Since(began)
					}
				}
			}
			b.StopTimer()
			done()
			b.ReportMetric(float64(n)/prepared.Seconds(), "prepared/s")
			b.ReportMetric(float64(n)/fetched.Seconds(), "fetched/s")
			b.ReportMetric(float64(n)/zipped.Seconds(), "gzipped/s")
			b.ReportMetric(float64(n)/float64(b.N), "resources")
			b.ReportMetric(float64(stored), "stored")
			b.ReportMetric(float64(*peak)/(1<<20), "MB-heap-peak")
		})
	}
}

func fetch(t testing.TB, url, encoding string) int64 {
	q, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer all")
	q.Header.Set("Accept-Encoding", encoding)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 || encoding == "gzip" != strings.Contains(answer.Header.Get("Content-Encoding"), "gzip") {
		t.Fatal(answer.Status, answer.Header)
	}
	n, err := io.Copy(io.Discard, bufio.NewReader(answer.Body))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// watchMemory looks how much memory is in use until done is called.
func watchMemory() (peak *uint64, done func()) {
	peak = new(uint64)
	stop, stopped := make(chan struct{}), make(chan struct{})
	runtime.GC()
	go func() {
		defer close(stopped)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			*peak = max(*peak, m.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return peak, func() { close(stop); <-stopped }
}
