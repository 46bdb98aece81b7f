package staff

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSearchPage(t *testing.T) {
	h := place(t, 60)
	for _, c := range []struct {
		golden, path string
		status       int
	}{
		{"search.golden.html", "/", 200},
		{"search-name.golden.html", "/?name=brindley&born=2002", 200},
		{"search-nobody.golden.html", "/?name=zzz", 200},
		{"search-wrong.golden.html", "/?born=32-Jan-2001&nhs=999+000+0019", 400},
		{"missing.golden.html", "/nowhere", 404},
	} {
		status, body, header := get(t, h, c.path)
		if status != c.status {
			t.Errorf("%s: status %d", c.path, status)
		}
		if header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %q", c.path, header.Get("Cache-Control"))
		}
		golden(t, c.golden, body)
	}
}

func TestPeopleAreFound(t *testing.T) {
	h := place(t, 60,
		`{"resourceType":"Patient","id":"oh","name":[{"family":"O'Hara","given":["Séan"]}],"birthDate":"1945-07-14","gender":"male","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}`)
	for path, want := range map[string]string{
		"/?nhs=999+000+0018":              "O&#39;HARA, Séan",
		"/?nhs=9990000018&name=o":         "O&#39;HARA, Séan",
		"/?name=o%27hara":                 "O&#39;HARA, Séan",
		"/?name=sean+o%27h":               "O&#39;HARA, Séan",
		"/?born=14%2F7%2F1945":            "O&#39;HARA, Séan",
		"/?born=14-Jul-1945":              "O&#39;HARA, Séan",
		"/?born=jul+1945":                 "O&#39;HARA, Séan",
		"/?name=BRINDLEY%2C+Bethany":      "BRINDLEY, Bethany Willow",
		"/?nhs=9990791902":                "BRINDLEY, Bethany Willow",
		"/?name=brindley&born=2002-11-16": "BRINDLEY, Bethany Willow",
	} {
		status, body, _ := get(t, h, path)
		if status != 200 || !strings.Contains(body, want) || strings.Count(body, "/person/") != 1 {
			t.Errorf("%s: status %d, %d people, not only %s", path, status, strings.Count(body, "/person/"), want)
		}
	}
}

// The address holds the whole state of a search: what was typed and how far the list was turned.
func TestPeopleArePagedWithTheSearchInTheAddress(t *testing.T) {
	h := place(t, 60)
	seen := map[string]bool{}
	for path, pages := "/", 0; path != ""; pages++ {
		if pages > 5 {
			t.Fatal("the list does not end")
		}
		_, body, _ := get(t, h, path)
		for _, part := range strings.Split(body, `href="/person/`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			if seen[id] {
				t.Errorf("%s is listed twice", id)
			}
			seen[id] = true
		}
		_, after, found := strings.Cut(body, `<a href="/?after=`)
		if path = ""; found {
			token, _, _ := strings.Cut(after, `"`)
			path = "/?after=" + strings.ReplaceAll(token, "&amp;", "&")
		}
	}
	if len(seen) != 60 {
		t.Errorf("%d of 60 people were listed", len(seen))
	}
	if status, body, _ := get(t, h, "/?name=b&after=nonsense"); status != 400 && status != 410 || strings.Contains(body, "/person/") {
		t.Errorf("a place in the list that never was: %d", status)
	}
}

func TestPeopleAreSortedAsTheAddressSays(t *testing.T) {
	h := place(t, 60)
	order := func(path string) (born []string) {
		_, body, _ := get(t, h, path)
		for _, row := range strings.Split(body, `<td data-label="Born" class="kith-nowrap">`)[1:] {
			day, _ := time.Parse("02-Jan-2006", row[:11])
			born = append(born, day.Format("2006-01-02"))
		}
		return born
	}
	if up := order("/?sort=born"); len(up) != peopleAPage || !slices.IsSorted(up) {
		t.Errorf("oldest first: %v", up)
	}
	if down := order("/?sort=-born"); !slices.IsSortedFunc(down, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("youngest first: %v", down)
	}
	_, body, _ := get(t, h, "/?name=b&sort=born")
	for _, want := range []string{`aria-sort="ascending"><a href="/?name=b&amp;sort=-born">Born`, `aria-sort="none"><a href="/?name=b&amp;sort=name">Name`} {
		if !strings.Contains(body, want) {
			t.Errorf("the heads do not hold %s", want)
		}
	}
}

func TestWhatIsTypedIsNeverMarkup(t *testing.T) {
	h := place(t, 0, `{"resourceType":"Patient","id":"x","name":[{"family":"<script>alert(1)</script>"}]}`)
	for _, path := range []string{"/?name=%22%3E%3Cscript%3E", "/person/x", "/"} {
		if _, body, _ := get(t, h, path); strings.Contains(strings.ToLower(body), "<script") {
			t.Errorf("%s has script in it", path)
		}
	}
}

func TestTypedDates(t *testing.T) {
	for typed, want := range map[string]string{"14-Jul-1945": "1945-07-14", "14/7/1945": "1945-07-14", "14 july 1945": "1945-07-14", "1945-07-14": "1945-07-14",
		"14.07.1945": "1945-07-14", "Jul-1945": "1945-07", "7/1945": "1945-07", "1945": "1945"} {
		if got, err := typedDate(typed); err != nil || got != want {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
	for _, typed := range []string{"31-Feb-2001", "13/13/2001", "yesterday", "14-7-45", "19450714"} {
		if got, err := typedDate(typed); err == nil {
			t.Errorf("%q is taken for %s", typed, got)
		}
	}
}
