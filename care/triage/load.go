package triage

import (
	"bytes"
	"embed"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kith-care/kith/fhir"
	"go.yaml.in/yaml/v3"
)

// shipped is what comes with Kith: the lexicon, facts.yaml and the packs.
//
//go:embed words.yaml known.yaml findings/*.yaml facts.yaml packs/*.yaml asked/*.yaml
var shipped embed.FS

// Shipped is the folder of findings, facts and packs that comes with Kith.
func Shipped() fs.FS { return shipped }

// Book is everything known: the lexicon and the packs, compiled. It does not change and may be used by many at once.
type Book struct {
	Lexicon *Lexicon
	Packs   []*Pack // in order of their names, without the shared one
	Shared  *Pack   // red flags and questions that stand in every pack: shared.yaml
	byName  map[string]*Pack
	alike   *likeness
}

// Pack returns the pack of a name, nil where there is none.
func (b *Book) Pack(name string) *Pack { return b.byName[name] }

// Load reads folders, each with findings/*.yaml, facts.yaml and packs/*.yaml, asked/*.yaml or some of these, as one book: a place's own folder stands after
// the shipped one, and a pack of a name that came before takes that one's place. An error names every fault, each with file and line.
func Load(folders ...fs.FS) (*Book, error) {
	b := &Book{byName: map[string]*Pack{}}
	var findings []*Finding
	var faults faults
	for _, folder := range folders {
		names, _ := fs.Glob(folder, "findings/*.yaml")
		for _, name := range append(names, "facts.yaml") {
			var file findingsFile
			root, ok := faults.read(folder, name, &file)
			if !ok {
				continue
			}
			for i, f := range file.Findings {
				f.file, f.line, f.fact = name, lineOf(root, "findings", i), name == "facts.yaml"
				findings = append(findings, f)
			}
		}
	}
	b.Lexicon = newLexicon(findings, &faults)
	for _, folder := range folders {
		var file knownFile
		if _, ok := faults.read(folder, "known.yaml", &file); ok {
			b.Lexicon.knows(&file)
		}
	}
	for _, folder := range folders {
		names, _ := fs.Glob(folder, "packs/*.yaml")
		for _, name := range names {
			p := new(Pack)
			root, ok := faults.read(folder, name, p)
			if !ok {
				continue
			}
			p.file = name
			p.compile(b.Lexicon, root, &faults)
			if p.Name != strings.TrimSuffix(path.Base(name), ".yaml") {
				faults.add(name, lineOf(root, "pack"), "the pack is named %q and its file is not", p.Name)
			}
			b.byName[p.Name] = p
		}
	}
	for _, p := range b.byName {
		if p.Name == sharedName {
			b.Shared = p
		} else {
			b.Packs = append(b.Packs, p)
		}
	}
	slices.SortFunc(b.Packs, func(a, b *Pack) int { return strings.Compare(a.Name, b.Name) })
	if b.Shared == nil || b.byName[generalName] == nil {
		faults.add("packs", 0, "there must be a %s.yaml and a %s.yaml", sharedName, generalName)
	}
	if err := faults.err(); err != nil {
		return nil, err
	}
	b.checkScreens(&faults)
	b.alike = newLikeness(b, b.asked(folders, &faults))
	return b, faults.err()
}

// askedFile is how people ask about a complaint, in their own words.
type askedFile struct {
	Pack  string
	Asked []string
}

// asked are the texts of asked/*.yaml, by pack. Those of a place's own folder come to the shipped ones.
func (b *Book) asked(folders []fs.FS, faults *faults) map[string][]string {
	out := map[string][]string{}
	for _, folder := range folders {
		names, _ := fs.Glob(folder, "asked/*.yaml")
		for _, name := range names {
			var file askedFile
			root, ok := faults.read(folder, name, &file)
			if ok && b.byName[file.Pack] == nil {
				faults.add(name, lineOf(root, "pack"), "there is no pack %q", file.Pack)
			}
			out[file.Pack] = append(out[file.Pack], file.Asked...)
		}
	}
	return out
}

// sharedName is the pack whose floors and screen hold in every other, generalName the one for what no other is about.
const sharedName, generalName = "shared", "general"

// faults gathers what is wrong with files, so that an author sees all of it at once.
type faults []error

func (f *faults) add(file string, line int, format string, args ...any) {
	e := fhir.Errorf(fhir.Invalid, format, args...)
	if line > 0 {
		file += ":" + itoa(line)
	}
	*f = append(*f, e.At(file))
}

func (f *faults) err() error { return errors.Join(*f...) }

// read decodes a file into out, refusing members that out has not. A file that is not there is no fault.
func (f *faults) read(folder fs.FS, name string, out any) (*yaml.Node, bool) {
	data, err := fs.ReadFile(folder, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		f.add(name, 0, "%w", err)
		return nil, false
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(out); err != nil {
		if wrong := new(yaml.TypeError); errors.As(err, &wrong) {
			for _, line := range wrong.Errors {
				at, what, _ := strings.Cut(strings.TrimPrefix(line, "line "), ": ")
				f.add(name+":"+at, 0, "%s", strings.ReplaceAll(what, "triage.", ""))
			}
		} else if err != io.EOF {
			f.add(name, 0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		} else {
			f.add(name, 0, "the file is empty")
		}
		return nil, false
	}
	root := new(yaml.Node)
	if err := yaml.Unmarshal(data, root); err != nil {
		f.add(name, 0, "%w", err)
		return nil, false
	}
	return root, true
}

// lineOf is the line of what stands at a path of member names and indexes.
func lineOf(n *yaml.Node, at ...any) int {
	if n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	line := n.Line
	for _, step := range at {
		var next *yaml.Node
		switch step := step.(type) {
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
			}
		case string:
			for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
				if n.Content[i].Value == step {
					next, line = n.Content[i+1], n.Content[i].Line
				}
			}
		}
		if next == nil {
			return line
		}
		if n = next; n.Kind != yaml.ScalarNode {
			line = n.Line
		}
	}
	return line
}
