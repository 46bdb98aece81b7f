// Package access holds the engine's decisions against a table of rows, and tries to make it tell one person of another. It
// holds tests only.
package access

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/rest"
	"github.com/kith-care/kith/store/storetest"
)

var update = flag.Bool("update", false, "write the decisions of testdata/policy.txt again; review the difference line by line")

// noon is when all is decided.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

var theSystem = access.Actor{ID: "kith/test", Role: access.Kith}

// row is one row of testdata/policy.txt.
type row struct {
	circumstance, actor, action, resource, want string
}

// rows reads the table: "CIRCUMSTANCE ACTOR ACTION RESOURCE DECISION", an empty line or a comment between.
func rows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile("testdata/policy.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []row
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		switch len(f) {
		case 0:
			continue
		case 4:
			f = append(f, "?")
		case 5:
		default:
			t.Fatalf("line %d: %q is no row", i+1, line)
		}
		out = append(out, row{f[0], f[1], f[2], f[3], f[4]})
	}
	return out
}

// TestPolicyTable decides every row with the engine, on both databases.
func TestPolicyTable(t *testing.T) {
	all := rows(t)
	if len(all) < 300 {
		t.Errorf("%d rows", len(all))
	}
	who := actors(t)
	decided := map[row]string{}
	onBoth(t, func(t *testing.T, db func(testing.TB) string) {
		for _, circumstance := range circumstances(all) {
			door := place(t, db(t), circumstance)
			for i, r := range all {
				if r.circumstance != circumstance {
					continue
				}
				a, ok := who[r.actor]
				if !ok {
					t.Fatalf("row %d: there is no actor %s", i+1, r.actor)
				}
				got := decide(t.Context(), door, a, r, i)
				if r.want != "?" && got != r.want && !*update {
					t.Errorf("%s: %s may %s %s: %s, not %s", r.circumstance, r.actor, r.action, r.resource, got, r.want)
				}
				r.want = ""
				decided[r] = got
			}
		}
	})
	if *update {
		rewrite(t, decided)
	}
}

// onBoth runs f with each kind of database, of which it may have as many as it wants.
func onBoth(t *testing.T, f func(t *testing.T, db func(testing.TB) string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, func(testing.TB) string { return "sqlite::memory:" }) })
	t.Run("postgres", func(t *testing.T) { f(t, storetest.Postgres) })
}

// TestPolicyTableByHTTP decides the same rows by real requests.
func TestPolicyTableByHTTP(t *testing.T) {
	all := rows(t)
	who := actors(t)
	for _, circumstance := range circumstances(all) {
		door := place(t, "sqlite::memory:", circumstance)
		hooked := telling(t, door, func() time.Time { return noon })
		server := httptest.NewServer(&rest.Server{Door: door, Base: "http://kith.test/fhir", Export: exporting(t, door), Subscriptions: hooked.serve, Who: func(r *http.Request) (access.Actor, error) {
			a, ok := who[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
			if !ok {
				return access.Actor{}, fhir.Errorf(fhir.Forbidden, "nobody is signed in")
			}
			return a, nil
		}})
		for i, r := range all {
			if r.circumstance != circumstance {
				continue
			}
			if got := request(t, server, hooked, r, i); got != r.want {
				t.Errorf("%s: %s may %s %s: %s, not %s", r.circumstance, r.actor, r.action, r.resource, got, r.want)
			}
		}
		server.Close()
	}
}

func circumstances(all []row) []string {
	var out []string
	for _, r := range all {
		if !slices.Contains(out, r.circumstance) {
			out = append(out, r.circumstance)
		}
	}
	return out
}

// rewrite puts what was decided into the table.
func rewrite(t *testing.T, decided map[row]string) {
	text, err := os.ReadFile("testdata/policy.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		bare, comment, commented := strings.Cut(line, "#")
		f := strings.Fields(bare)
		if len(f) < 4 {
			continue
		}
		lines[i] = fmt.Sprintf("%-20s %-19s %-7s %-28s %s", f[0], f[1], f[2], f[3], decided[row{f[0], f[1], f[2], f[3], ""}])
		if commented {
			lines[i] += " #" + comment
		}
	}
	if err := os.WriteFile("testdata/policy.txt", []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The decisions: permit; absent, as if it were not there; refuse, with a reason.
const (
	permit = "permit"
	absent = "absent"
	refuse = "refuse"
)

func said(err error) string {
	var e *fhir.Error
	switch {
	case err == nil:
		return permit
	case errors.As(err, &e) && (e.Kind == fhir.NotFound || e.Kind == fhir.Gone):
		return absent
	case errors.As(err, &e) && e.Kind == fhir.Forbidden:
		return refuse
	}
	return err.Error()
}

// decide does what a row says. What is written is made anew each time, so that rows do not meet each other.
func decide(ctx context.Context, door *record.Door, who access.Actor, r row, n int) string {
	typ, id, _ := strings.Cut(r.resource, "/")
	switch r.action {
	case "read":
		_, err := door.Get(ctx, who, typ, id)
		return said(err)
	case "search":
		page, err := door.Find(ctx, who, typ+"?_id="+id)
		if err == nil && len(page.Matches) == 0 {
			return absent
		}
		return said(err)
	case "named": // a search that names the patient
		page, err := door.Find(ctx, who, typ+"?_id="+id+"&"+named(typ, id))
		if err == nil && len(page.Matches) == 0 {
			return absent
		}
		return said(err)
	case "history":
		_, err := door.Changes(ctx, who, record.Log{Type: typ, ID: id, Limit: 10, Back: true})
		return said(err)
	case "export":
		seq, _, err := door.Moment(ctx)
		if err != nil {
			return err.Error()
		}
		slice, err := door.Extract(ctx, who, record.Extract{Type: typ, Filters: []string{"_id=" + id}, Seq: seq, Why: "test"})
		if err != nil {
			return said(err)
		}
		found, err := door.Again(ctx, who, "test", slice.Numbers)
		if err == nil && len(found) == 0 {
			return absent
		}
		return said(err)
	case "told":
		other := spare(ctx, door, typ, id, n)
		if err := door.MaySubscribe(ctx, who, typ, "_id="+other); err != nil {
			return said(err)
		}
		numbers, _, _, err := door.News(ctx, who, typ, "_id="+other, 0)
		if err != nil || len(numbers) == 0 {
			return either(said(err), absent, err == nil)
		}
		res, err := door.Current(ctx, who, "test", numbers[0])
		return either(said(err), absent, err == nil && res == nil)
	case "create":
		_, err := door.Commit(ctx, who, []record.Op{{Method: record.Create, Type: typ, Resource: copyOf(ctx, door, typ, id, "")}})
		return said(err)
	case "update":
		other := spare(ctx, door, typ, id, n)
		_, err := door.Commit(ctx, who, []record.Op{{Method: record.Update, Type: typ, ID: other, Resource: copyOf(ctx, door, typ, id, other)}})
		return said(err)
	case "delete":
		other := spare(ctx, door, typ, id, n)
		done, err := door.Commit(ctx, who, []record.Op{{Method: record.Delete, Type: typ, ID: other}})
		if err == nil && done[0].Outcome == record.Unchanged {
			return absent
		}
		return said(err)
	}
	return "no action " + r.action
}

func either(one, other string, second bool) string {
	if second {
		return other
	}
	return one
}

// named is the condition by which a search names the patient.
func named(typ, id string) string {
	person, _, _ := strings.Cut(id, "-")
	return "patient=Patient/" + person
}

// spare is the id of a copy of a resource that one row may change or delete. A Patient is changed itself.
func spare(ctx context.Context, door *record.Door, typ, id string, n int) string {
	if typ == "Patient" {
		return id
	}
	other := fmt.Sprintf("%s-%d", id, n)
	if _, err := door.Commit(ctx, theSystem, []record.Op{{Method: record.Update, Type: typ, ID: other, Resource: copyOf(ctx, door, typ, id, other)}}); err != nil {
		return err.Error()
	}
	return other
}

// copyOf is a resource of the record under another id, "" for none.
func copyOf(ctx context.Context, door *record.Door, typ, id, other string) *fhir.Resource {
	s, err := door.Get(ctx, theSystem, typ, id)
	if err != nil {
		return nil
	}
	res, err := s.Resource()
	if err != nil {
		return nil
	}
	ops := []fhir.PatchOp{{Op: "remove", Path: "/id"}}
	if other != "" {
		ops = []fhir.PatchOp{{Op: "replace", Path: "/id", Value: []byte(`"` + other + `"`)}}
	}
	if res, err = res.Patch(ops); err != nil {
		return nil
	}
	return res
}

// request does what a row says by HTTP.
func request(t *testing.T, server *httptest.Server, hooked *endpoint, r row, n int) string {
	t.Helper()
	typ, id, _ := strings.Cut(r.resource, "/")
	do := func(actor, method, path string, body []byte) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/"+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+actor)
		if body != nil {
			req.Header.Set("Content-Type", "application/fhir+json")
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	decision := func(status int, text string) string {
		switch {
		case status == http.StatusForbidden:
			return refuse
		case status == http.StatusNotFound || status == http.StatusGone:
			return absent
		case status >= 200 && status < 300:
			return permit
		}
		return fmt.Sprint(status, text)
	}
	door := server.Config.Handler.(*rest.Server).Door
	switch r.action {
	case "read":
		return decision(do(r.actor, "GET", r.resource, nil))
	case "history":
		return decision(do(r.actor, "GET", r.resource+"/_history", nil))
	case "search", "named":
		query := typ + "?_id=" + id
		if r.action == "named" {
			query += "&" + named(typ, id)
		}
		status, text := do(r.actor, "GET", query, nil)
		if status == http.StatusOK && !strings.Contains(text, `"entry"`) {
			return absent
		}
		return decision(status, text)
	case "export":
		return decision(exported(t, server, r.actor, typ, id))
	case "told":
		status, header, text := call(t, server, r.actor, "POST", "Subscription", subscription(fmt.Sprintf("%s?_id=%s-%d", typ, id, n), hooked.url+"/"+fmt.Sprint(n), ""))
		if status != http.StatusCreated {
			return decision(status, text)
		}
		quiet(t, door)
		spare(t.Context(), door, typ, id, n)
		quiet(t, door)
		defer call(t, server, r.actor, "DELETE", header.Get("Location"), "")
		if len(hooked.requests(n)) == 0 {
			return absent
		}
		return permit
	case "create":
		return decision(do(r.actor, "POST", typ, copyOf(t.Context(), door, typ, id, "").Bytes()))
	case "update":
		other := spare(t.Context(), door, typ, id, n)
		return decision(do(r.actor, "PUT", typ+"/"+other, copyOf(t.Context(), door, typ, id, other).Bytes()))
	case "delete":
		other := spare(t.Context(), door, typ, id, n)
		status, text := do(r.actor, "DELETE", typ+"/"+other, nil)
		if _, err := door.Get(t.Context(), theSystem, typ, other); err == nil && status == http.StatusNoContent {
			return absent
		}
		return decision(status, text)
	}
	return "no action " + r.action
}
