package message

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// BenchmarkDeliver is how long it takes, one after another and four at once, from a request that is due to the text message being with its carrier: each is
// planned, put into the inbox, written down as being sent, sent, and noted.
func BenchmarkDeliver(b *testing.B) {
	for name, db := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			door, err := record.Open(b.Context(), record.Options{DB: db(b), Policy: access.Everyone{}})
			if err != nil {
				b.Fatal(err)
			}
			defer door.Close()
			put := func(ops ...record.Op) {
				if _, err := door.Commit(b.Context(), nurse, ops); err != nil {
					b.Fatal(err)
				}
			}
			resource := func(text string) record.Op {
				res, err := fhir.Parse([]byte(text))
				if err != nil {
					b.Fatal(err)
				}
				return record.Op{Method: record.Update, Type: res.Type(), ID: res.ID(), Resource: res}
			}
			for i := range b.N {
				put(resource(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","name":[{"family":"Okafor"}],"telecom":[{"system":"phone","use":"mobile","value":"07700 %06d"}]}`, i, i)),
					resource(fmt.Sprintf(`{"resourceType":"Flag","id":"f%d","status":"active","code":{"coding":[{"system":"https://kith.care/fhir/CodeSystem/need","code":"channel-text"}]},"subject":{"reference":"Patient/p%d"}}`, i, i)))
			}
			out := &carriers{how: map[string]string{}}
			s := &Service{Door: door, Name: "Mill Lane Surgery", Link: "https://kith.example", Text: out}
			for i := range b.N {
				put(resource(fmt.Sprintf(`{"resourceType":"CommunicationRequest","id":"r%d","status":"active","priority":"urgent","recipient":[{"reference":"Patient/p%d"}],"payload":[{"contentString":"Do you still need your appointment?"}]}`, i, i)))
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			b.ResetTimer()
			go func() { defer close(done); s.Run(ctx) }()
			for n := 0; n < b.N; time.Sleep(2 * time.Millisecond) {
				out.mu.Lock()
				n = len(out.texts)
				out.mu.Unlock()
			}
			b.StopTimer()
			stop()
			<-done
			b.ReportMetric(float64(b.N)/b.Elapsed().Minutes(), "texts/min")
		})
	}
}
