package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/record"
	"github.com/kith-care/kith/store/storetest"
)

// serve is a FHIR server of its own on a database, and its base URL.
func serve(t testing.TB, db string, limit int64) (base string) {
	t.Helper()
	s := &Server{Door: record.TestOn(t, db), MaxBody: limit, Who: func(*http.Request) (access.Actor, error) {
		return access.Actor{ID: "Practitioner/tester", Role: "test"}, nil
	}}
	server := httptest.NewServer(http.StripPrefix("/fhir", s))
	t.Cleanup(server.Close)
	s.Base = "http://kith.test/fhir" // as the record of a test has it
	return server.URL + "/fhir"
}

// TestStories plays testdata/*.txt over HTTP on both databases. A story is a list of requests and what must come back:
//
//	> METHOD /path            a request; more lines with > are its headers
//	body                      up to the first line with <
//	< 201                     the status
//	< Header: value           a header; a value that begins with ~ is a regular expression
//	= path: value             what stands in the JSON answer: value, ~expression, or "absent"; path# is a length
//	? text                    the answer holds this text; !? text: it does not
//	save name path            a value of the answer, later written ${name}
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db string) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				p := &player{t: t, base: serve(t, db, 0), file: file, vars: map[string]string{}}
				for i, line := range strings.Split(string(text), "\n") {
					p.line(i+1, line)
				}
				p.send()
			})
		})
	}
}

// player plays one file.
type player struct {
	t          *testing.T
	base, file string
	vars       map[string]string

	at      int // line of the request under way, 0 for none
	method  string
	path    string
	headers http.Header
	body    []string
	sent    bool

	response *http.Response
	answer   []byte
	tree     any
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

func (p *player) line(n int, line string) {
	p.t.Helper()
	line = variable.ReplaceAllStringFunc(line, func(m string) string {
		v, ok := p.vars[m[2:len(m)-1]]
		if !ok {
			p.t.Fatalf("%s:%d: nothing was saved as %s", p.file, n, m)
		}
		return v
	})
	switch {
	case strings.HasPrefix(line, "#") && (p.at == 0 || p.sent), line == "" && (p.at == 0 || p.sent):
	case strings.HasPrefix(line, "> ") && (p.at == 0 || p.sent):
		p.at, p.sent, p.body, p.headers = n, false, nil, http.Header{}
		p.method, p.path, _ = strings.Cut(line[2:], " ")
	case strings.HasPrefix(line, "> "):
		name, value, _ := strings.Cut(line[2:], ": ")
		p.headers.Add(name, value)
	case strings.HasPrefix(line, "< "), strings.HasPrefix(line, "= "), strings.HasPrefix(line, "? "), strings.HasPrefix(line, "!? "), strings.HasPrefix(line, "save "):
		p.send()
		if problem := p.check(line); problem != "" {
			p.t.Errorf("%s:%d: %s %s: %s: %s\n%s", p.file, n, p.method, p.path, line, problem, clip(p.answer))
		}
	default:
		p.body = append(p.body, line)
	}
}

func clip(b []byte) []byte { return b[:min(len(b), 1500)] }

func (p *player) send() {
	if p.at == 0 || p.sent {
		return
	}
	p.sent = true
	body := strings.TrimRight(strings.Join(p.body, "\n"), "\n")
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
		if p.headers.Get("Content-Type") == "" {
			p.headers.Set("Content-Type", "application/fhir+json")
		}
	}
	r, err := http.NewRequest(p.method, p.base+strings.ReplaceAll(p.path, " ", "%20"), in)
	if err != nil {
		p.t.Fatalf("%s:%d: %v", p.file, p.at, err)
	}
	r.Header = p.headers
	if p.response, err = http.DefaultClient.Do(r); err != nil {
		p.t.Fatalf("%s:%d: %v", p.file, p.at, err)
	}
	defer p.response.Body.Close()
	if p.answer, err = io.ReadAll(p.response.Body); err != nil {
		p.t.Fatalf("%s:%d: %v", p.file, p.at, err)
	}
	p.tree = nil
	dec := json.NewDecoder(bytes.NewReader(p.answer))
	dec.UseNumber()
	if strings.Contains(p.response.Header.Get("Content-Type"), "json") && p.method != "HEAD" {
		if err := dec.Decode(&p.tree); err != nil {
			p.t.Errorf("%s:%d: the answer is no JSON: %v", p.file, p.at, err)
		}
	}
}

// check compares one expectation, "" where it holds.
func (p *player) check(line string) string {
	mark, rest, _ := strings.Cut(line, " ")
	switch mark {
	case "?", "!?":
		if bytes.Contains(p.answer, []byte(rest)) != (mark == "?") {
			return "not so"
		}
	case "save":
		name, path, _ := strings.Cut(rest, " ")
		if strings.HasPrefix(path, "header ") {
			p.vars[name] = p.response.Header.Get(path[7:])
		} else {
			p.vars[name] = p.value(path)
		}
	case "=":
		path, want, _ := strings.Cut(rest, ": ")
		return differ(p.value(path), want)
	case "<":
		if status, err := strconv.Atoi(rest); err == nil {
			if p.response.StatusCode != status {
				return fmt.Sprintf("the status is %d", p.response.StatusCode)
			}
			return ""
		}
		name, want, _ := strings.Cut(rest, ": ")
		got := p.response.Header.Get(name)
		if got == "" {
			got = "absent"
		}
		return differ(got, want)
	}
	return ""
}

func differ(got, want string) string {
	if pattern, ok := strings.CutPrefix(want, "~"); ok {
		if !regexp.MustCompile(pattern).MatchString(got) {
			return "it is " + got
		}
		return ""
	}
	if got != want {
		return "it is " + got
	}
	return ""
}

var place = regexp.MustCompile(`^([^\[\]]*)((?:\[\d+\])*)$`)

// value is what stands at a path such as entry[0].resource.id, "absent" where nothing does.
func (p *player) value(path string) string {
	path, length := strings.CutSuffix(path, "#")
	v := p.tree
	for part := range strings.SplitSeq(path, ".") {
		m := place.FindStringSubmatch(part)
		if m == nil {
			return "no such path"
		}
		if o, ok := v.(map[string]any); ok {
			v = o[m[1]]
		} else {
			return "absent"
		}
		for index := range strings.SplitSeq(strings.Trim(m[2], "[]"), "][") {
			if index == "" {
				continue
			}
			i, _ := strconv.Atoi(index)
			list, ok := v.([]any)
			if !ok || i >= len(list) {
				return "absent"
			}
			v = list[i]
		}
	}
	if length {
		list, _ := v.([]any)
		return strconv.Itoa(len(list))
	}
	switch v := v.(type) {
	case nil:
		return "absent"
	case string:
		return v
	}
	b, _ := json.Marshal(v)
	return string(b)
}
