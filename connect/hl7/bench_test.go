package hl7

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// result is an ORU of patient n as a laboratory sends it: with the patient, the stay, the request, the report and four
// observations it comes to eight resources.
func result(n, patient int) []byte {
	mrn := fmt.Sprintf("MRN%06d", patient)
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second).Format("20060102150405")
	lines := []string{
		`MSH|^~\&|LAB|ZZ1|KITH|PLACE|` + at + `||ORU^R01|` + fmt.Sprint("M", n) + `|P|2.4|||||GBR|UNICODE UTF-8`,
		`PID|1||` + mrn + `^^^ZZ1^MR||Okafor^Person` + fmt.Sprint(patient) + `^^^Mrs||19561103|F|||12 Mill Lane^^Merrowby^^ZZ1 1AA||0113 4960000|||||||||A^White - British`,
		`PV1|1|I|WARD4^B^3^ZZ1||||C001^Walsh^Joyce^^^Dr|||MED|||||||||V` + fmt.Sprint(patient) + `^^^ZZ1|||||||||||||||||||||||||20260301`,
		`ORC|RE|P` + fmt.Sprint(n) + `|F` + fmt.Sprint(n) + `||CM||||` + at,
		`OBR|1|P` + fmt.Sprint(n) + `|F` + fmt.Sprint(n) + `|us-0003^UREA AND ELECTROLYTES^WinPath|||` + at + `|||||||||||||||` + at + `||LAB|F`,
	}
	for i, test := range []string{"Creatinine|UMOLL|49 - 92", "Sodium|MMOLL|135 - 145", "Potassium|MMOLL|3.5 - 5.3", "Urea|MMOLL|2.5 - 7.8"} {
		f := strings.Split(test, "|")
		lines = append(lines, fmt.Sprintf("OBX|%d|NM|tt-%d^%s^WinPath||%d.%d|%s|%s||||F|||%s", i+1, i, f[0], 40+n%60, n%10, f[1], f[2], at))
	}
	return []byte(strings.Join(lines, "\r") + "\r")
}

func BenchmarkParse(b *testing.B) {
	data := result(1, 1)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	m, err := Parse(result(1, 1))
	if err != nil {
		b.Fatal(err)
	}
	nothing := func(string, string) *fhir.Resource { return nil }
	resources := 0
	b.ReportAllocs()
	for b.Loop() {
		f, err := Map(m, Config{Feed: "zz1", Received: noon}, nothing)
		if err != nil {
			b.Fatal(err)
		}
		resources = len(f.Resources)
	}
	b.ReportMetric(float64(resources), "resources/msg")
}

// BenchmarkLoad sends results over MLLP on eight connections and measures from sending to the acknowledgement, which comes
// when the result is in the record: every fiftieth is looked for by a search as soon as it is acknowledged.
func BenchmarkLoad(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { load(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { load(b, storetest.Postgres(b)) })
}

const connections = 8

func load(b *testing.B, db string) {
	door := record.TestOn(b, db)
	f := openOn(b, door, "zz1")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Serve(ctx, ln, nil, func(from string, err error) { b.Error(from, err) }) }()
	patients := 500
	var next atomic.Int64
	took := make([][]time.Duration, connections)
	var all sync.WaitGroup
	b.ResetTimer()
	began := time.Now()
	for i := range connections {
		all.Go(func() {
			c := &Client{Addr: ln.Addr().String()}
			defer c.Close()
			for {
				n := int(next.Add(1))
				if n > b.N {
					return
				}
				sent := time.Now()
				a, err := c.Send(ctx, result(n, n%patients))
				if err != nil || !a.Accepted() {
					b.Errorf("message %d: %v %v", n, a, err)
					return
				}
				if n%50 == 0 {
					id := ID("zz1", "Observation", fmt.Sprintf("F%d||us-0003|tt-0|", n))
					page, err := door.Find(ctx, nobody, "Observation?patient=Patient/"+ID("zz1", "Patient", fmt.Sprintf("ZZ1|MRN%06d", n%patients))+"&_id="+id)
					if err != nil || len(page.Matches) != 1 {
						b.Errorf("message %d is acknowledged, but not found: %v", n, err)
						return
					}
				}
				took[i] = append(took[i], time.Since(sent))
			}
		})
	}
	all.Wait()
	b.StopTimer()
	seconds := time.Since(began).Seconds()
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	times := slices.Sorted(slices.Values(slices.Concat(took...)))
	b.ReportMetric(float64(len(times))/seconds, "msg/s")
	if len(times) > 0 {
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
	}
}
