// Package kith_test holds the house rules: which room may import which, where SQL may stand, what documents promise.
package kith_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kith-care/kith"

// room is one folder's rule; it holds for the folders below it that have none of their own.
type room struct {
	may     string // folders of this module it may import, and everything below them
	outside string // modules of other people it may import
	why     string
}

const (
	engine = "fhir fhirpath terms validate search access work record"
	uses   = "care automate insight evaluate research connect"
)

// rooms is the allow-list of docs/architecture.md. Imports point inwards only.
var rooms = map[string]room{
	"fhir":         {"", "", "a resource must be readable by anything, so it needs nothing"},
	"fhir/spec":    {"fhir", "", "tables about elements speak of nothing but resources"},
	"fhir/fhirxml": {"fhir fhir/spec", "", "XML is another spelling of the same resource"},
	"fhir/r4":      {"fhir fhir/spec", "", "plain structs: no behaviour, so no reason to know anyone"},
	"fhir/london":  {"fhir", "", "a time of FHIR has an offset, which a clock on the wall has not: whoever reads or shows one asks here"},
	"words": {"fhir", "go.yaml.in/yaml/v3 golang.org/x/text",
		"texts in several languages are data that a reviewer reads; pages and letters ask for them, and they know neither"},
	"fhir/reading": {"fhir fhir/r4", "", "the same reading must make the same Observation at every door, so it stands where every door may reach it"},
	"fhir/patch":   {"fhir fhirpath", "", "FHIRPath Patch finds its places by expressions"},
	"fhirpath":     {"fhir", "", "an expression is a question to a resource, never to a database"},
	"terms":        {"fhir fhirpath", "", "code systems are resources; where they are kept is the caller's affair"},
	"validate":     {"fhir fhirpath terms", "", "whether a resource is right does not depend on who stores it"},
	"search":       {"fhir fhirpath terms", "golang.org/x/text", "a query is understood before any database is chosen; no SQL"},
	"store": {"fhir search conformance/need", "github.com/mattn/go-sqlite3 modernc.org/sqlite github.com/jackc/pgx github.com/klauspost/compress",
		"the only SQL for records; it keeps and finds, it does not judge"},
	"access": {"fhir", "github.com/coreos/go-oidc github.com/go-webauthn/webauthn github.com/go-jose/go-jose golang.org/x/oauth2",
		"who may see what is a pure question, asked before anything is fetched"},
	"access/optout": {engine, "", "writes Consents through the door; that they hold is the policy's affair"},
	"access/trust":  {engine, "", "writes and reads Consents through the door; that they hold is the policy's affair"},
	"access/signin": {engine, "github.com/coreos/go-oidc github.com/go-webauthn/webauthn github.com/go-jose/go-jose golang.org/x/oauth2",
		"accounts and sessions stand in the record's box and find their Patient through its door, so unlike access itself it knows the record"},
	"access/idp": {engine, "github.com/go-jose/go-jose golang.org/x/crypto",
		"a provider of OpenID Connect keeps its people, codes and keys in a box of the record; it shows no pages of its own"},
	"work": {"fhir store", "", "jobs and followers live by the change feed, which the store keeps"},
	"record": {engine + " store", "github.com/prometheus/client_golang",
		"the one door: it alone brings decision, validation, storage and audit together"},
	"rest": {engine, "github.com/prometheus/client_golang github.com/go-jose/go-jose github.com/klauspost/compress",
		"translates HTTP; through store it could reach a patient without a decision"},
	"rest/smart": {engine, "github.com/go-jose/go-jose",
		"the authorisation server speaks OAuth to apps; what a token lets one see is decided behind the door"},
	"rest/bulk": {engine + " rest export", "github.com/klauspost/compress",
		"translates Bulk Data Access; what is long-lived and what is decided stands behind it"},
	"rest/subscribe": {engine + " rest notify", "", "translates HTTP about Subscriptions; what they do stands behind it"},
	"notify":         {engine, "", "asks the door what a subscriber may be told, each time; it answers no requests and knows no HTTP but what it sends"},
	"export":         {engine, "", "prepares extracts through the door as their asker; it speaks no HTTP and holds no copy of what it finds"},
	"connect":        {engine + " connect", "github.com/klauspost/compress github.com/cespare/xxhash golang.org/x/text github.com/ProtonMail/go-crypto", "turns other languages into FHIR; it commits through the door like everyone"},
	"care":           {engine, "", "uses never import each other: they meet in the change feed and in FHIR"},
	"care/near": {engine, "go.yaml.in/yaml/v3",
		"a directory is data that whoever knows the town writes, and YAML is what they can read"},
	"care/triage": {engine, "go.yaml.in/yaml/v3",
		"packs are data that clinicians write and review, and YAML is what they can read; its places go through the door"},
	"care/plan": {engine + " words care/need", "go.yaml.in/yaml/v3",
		"programmes of exercise and reading are content that others write and review; everything else comes and goes through the door"},
	"care/need": {engine + " words", "",
		"every output asks it how somebody is to be reached, so it knows nothing of outputs"},
	"care/carer": {engine + " words", "",
		"what a list offers is a text for readers; nothing else is shared"},
	"care/growing": {engine + " words care/need", "",
		"what young people and parents are told is a text for readers, each in the language that care/need knows they are written to in"},
	"care/behalf": {engine, "",
		"reads the audit trail and the record through the door; it keeps nothing"},
	"care/message": {engine + " words care/need care/message/letter", "golang.org/x/image",
		"what is sent must be sent as somebody needs it, so it may ask care/need, which reads Flags and Patients; carriers are given to it"},
	"care/message/letter": {"fhir", "codeberg.org/go-pdf/fpdf golang.org/x/image",
		"a letter is typeset from plain words and lines"},
	"connect/carrier": {engine, "github.com/wneessen/go-mail",
		"speaks to mail servers and gateways; what is sent to whom is decided elsewhere"},
	"care/carry":   {engine, "github.com/go-jose/go-jose rsc.io/qr", "signs, encrypts and draws what people take away; what goes into it was shown to them by the door"},
	"care/explain": {engine, "go.yaml.in/yaml/v3", "the glossary is data that clinicians write and review, and YAML is what they can read"},
	"care/release": {engine, "go.yaml.in/yaml/v3", "when results are seen is data that clinicians choose, and YAML is what they can read; the label it sets is the policy's"},
	"plain":        {"", "", "how hard a text is to read is a matter of its letters, so everything that speaks to people can be held against it"},
	"web/entry":    {uses + " " + engine + " web/kit words", "", "what an entry of a record is, for all pages that show one"},
	"web/record": {uses + " " + engine + " web/kit web/seat web/entry words", "",
		"a page asks the door as its reader; it holds no SQL and decides nothing"},
	"care/booking": {engine + " words care/need", "go.yaml.in/yaml/v3",
		"a place's own clinics are a file that whoever runs them writes; reminders are in the language that care/need knows; everything else comes and goes through the door"},
	"automate":  {engine, "", "writes Tasks and drafts through the door; it never decides care"},
	"insight":   {engine + " insight", "gonum.org/v1/gonum github.com/parquet-go/parquet-go", "folds the change feed; it has no other way in"},
	"evaluate":  {engine, "gonum.org/v1/gonum", "surveys and evidence go through the door"},
	"research":  {engine + " insight", "gonum.org/v1/gonum github.com/parquet-go/parquet-go", "reads columns, never records by name"},
	"front":     {"fhir", "golang.org/x/crypto/acme", "lets requests in or not by how they come, knowing nothing of records"},
	"web/kit":   {"fhir words", "", "shared parts of pages know how to show a value, not where it came from"},
	"web/seat":  {engine + " care/need web/kit words", "", "from where a page is used: by oneself, by somebody trusted, by staff on somebody's behalf"},
	"web/staff": {uses + " " + engine + " access/trust web/kit web/entry words", "", "a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/audit": {uses + " " + engine + " web/kit web/seat words", "", "a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/patient": {uses + " " + engine + " web/kit web/seat words", "",
		"a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/message": {uses + " " + engine + " words web/kit web/seat", "",
		"a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/booking": {uses + " " + engine + " web/kit web/seat words", "",
		"a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/family": {uses + " " + engine + " web/kit web/seat words", "",
		"a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/near": {uses + " " + engine + " web/kit web/seat words", "",
		"a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/plan": {uses + " " + engine + " web/kit web/seat words", "",
		"a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/apps": {engine + " web/kit words rest/smart", "",
		"consent is a page of the protocol of rest/smart; it shows what was checked there and hands back what was ticked"},
	"words/wordstest":   {"words", "", "finds English on pages in other languages, for tests: no program imports it"},
	"web/apps/appstest": {engine + " rest web/apps web/kit", "", "a place with apps for tests: no program imports it"},
	"web/account":       {engine + " web/kit words", "", "pages of signing in show what access/signin decides; they hold no state and decide nothing"},
	"web/trust": {engine + " access/trust web/kit web/seat words", "",
		"a page asks the door as its reader; it holds no SQL and decides nothing"},
	"web/browser": {"", "", "drives pages from outside, as a browser does: tests only"},
	"conformance": {"", "", "what tests need; no program imports it"},
	"town":        {"fhir", "", "a made-up place is plain FHIR, so that any server can be filled with it"},
	"cmd/kith": {engine + " " + uses + " words export notify store rest web town front cmd/kith", "github.com/prometheus/client_golang filippo.io/age",
		"reading serve.go shows the whole product, so it may know everyone"},
	"": {"", "", "the root holds only these rules"},
}

// drawers are names under which anything could be put, so that in the end everything is.
var drawers = []string{"util", "utils", "common", "core", "pkg", "models", "types", "helpers", "manager", "service"}

// sourceFile is one Go file of ours that is not a test.
type sourceFile struct {
	path, folder string
	ast          *ast.File
	set          *token.FileSet
}

func TestEveryRoomImportsOnlyWhatItMay(t *testing.T) {
	for _, file := range sources(t) {
		rule, name := ruleFor(file.folder)
		for _, spec := range file.ast.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			switch inner, ours := strings.CutPrefix(path, module+"/"); {
			case ours:
				if !under(inner, rule.may) && !sameRoom(inner, name) {
					t.Errorf("%s imports %s: %s may import only [%s], because %s", file.path, inner, name, rule.may, rule.why)
				}
			case strings.Contains(strings.SplitN(path, "/", 2)[0], "."):
				if !under(path, rule.outside) {
					t.Errorf("%s imports %s: %s may import only [%s] of other people's modules", file.path, path, name, rule.outside)
				}
			}
		}
	}
}

func TestEveryFolderHasARule(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range sources(t) {
		if _, name := ruleFor(file.folder); name == "" && file.folder != "." && !seen[file.folder] {
			seen[file.folder] = true
			t.Errorf("%s has no rule: add it to rooms in arch_test.go, with the reason why", file.folder)
		}
	}
	if len(seen) == 0 && len(rooms) == 0 {
		t.Fatal("no rooms")
	}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		if rooms[name].why == "" {
			t.Errorf("the rule for %s does not say why", name)
		}
	}
}

func TestNoFolderIsADrawer(t *testing.T) {
	for _, file := range sources(t) {
		for part := range strings.SplitSeq(file.folder, "/") {
			if slices.Contains(drawers, part) {
				t.Errorf("%s stands in a folder called %s, which says nothing about what is in it", file.path, part)
			}
		}
	}
}

// statement matches text that can only be SQL: a verb with the word that must follow it.
var statement = regexp.MustCompile(`(?is)^\s*(select\s.+\sfrom\s|insert\s+(or\s+\w+\s+)?into\s|update\s+\w+\s+set\s|delete\s+from\s|create\s+(unique\s+)?(table|index)\s|alter\s+table\s|drop\s+(table|index)\s|pragma\s+\w|with\s+\w+\s+as\s*\()`)

func TestSQLStandsInTheStoreOnly(t *testing.T) {
	for _, file := range sources(t) {
		if under(file.folder, "store insight/columns") {
			continue
		}
		ast.Inspect(file.ast, func(node ast.Node) bool {
			lit, ok := node.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(lit.Value); err == nil && statement.MatchString(text) {
				t.Errorf("%s: SQL outside store: %.60q", file.set.Position(lit.Pos()), text)
			}
			return true
		})
	}
}

func TestNothingHappensByImporting(t *testing.T) {
	for _, file := range sources(t) {
		for _, decl := range file.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: func init: build it where it is used, so that the reader sees it happen", file.set.Position(fn.Pos()))
			}
		}
	}
}

// A resource held as map[string]any loses 1.50, the order of members and the reader.
func TestNoResourceIsAMapOfAnything(t *testing.T) {
	for _, file := range sources(t) {
		if under(file.folder, "web") {
			continue
		}
		ast.Inspect(file.ast, func(node ast.Node) bool {
			m, ok := node.(*ast.MapType)
			if ok && isName(m.Key, "string") && isAny(m.Value) {
				t.Errorf("%s: map[string]any outside tests and web", file.set.Position(m.Pos()))
			}
			return true
		})
	}
}

// The rules themselves are tried on an import that must be refused, so that they cannot fall silent.
func TestRulesRefuse(t *testing.T) {
	if rule, _ := ruleFor("rest/smart"); under("store/sqlite", rule.may) {
		t.Error("rest may import store/sqlite")
	}
	if rule, _ := ruleFor("fhirpath"); under("search", rule.may) || !under("fhir/spec", rule.may) {
		t.Error("fhirpath may import search, or may not import fhir/spec")
	}
	if !statement.MatchString("\n  SELECT rid\n FROM resource") || !statement.MatchString("create unique index k on key (rid)") {
		t.Error("SQL is not recognised")
	}
	if statement.MatchString("update the address") || statement.MatchString("with the GP") {
		t.Error("plain English is taken for SQL")
	}
}

// sources returns our own Go files that are not tests and do not write other files (package main outside cmd).
func sources(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name != "." && (name[0] == '.' || name == "node_modules" || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file := sourceFile{path: path, folder: filepath.ToSlash(filepath.Dir(path)), set: token.NewFileSet()}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if file.ast, err = parser.ParseFile(file.set, path, text, parser.SkipObjectResolution); err != nil {
			return err
		}
		if file.ast.Name.Name == "main" && !under(file.folder, "cmd") {
			return nil
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files found")
	}
	return files
}

// ruleFor returns the rule of the nearest folder at or above folder, and that folder's name.
func ruleFor(folder string) (room, string) {
	for name := folder; ; name = name[:max(strings.LastIndexByte(name, '/'), 0)] {
		if rule, ok := rooms[name]; ok || name == "" {
			return rule, name
		}
	}
}

// under reports whether path is one of the space-separated folders, or below one.
func under(path, folders string) bool {
	for folder := range strings.FieldsSeq(folders) {
		if path == folder || strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

// sameRoom reports whether path stands in the room called name: store/sqlite may import store. A folder with a rule of
// its own is another room.
func sameRoom(path, name string) bool {
	if name == "" || name == "care" {
		return false
	}
	_, of := ruleFor(path)
	return of == name
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func isAny(e ast.Expr) bool {
	if i, ok := e.(*ast.InterfaceType); ok {
		return len(i.Methods.List) == 0
	}
	return isName(e, "any")
}
