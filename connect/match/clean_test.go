package match

import (
	"slices"
	"strings"
	"testing"
)

func TestCleaning(t *testing.T) {
	for _, c := range []struct {
		field      Field
		from, want string
	}{
		{NHS, "943 476 5919", "9434765919"}, {NHS, "9434765918", ""}, {NHS, "1111111111", ""}, {NHS, "9990000018", ""}, {NHS, "943476591", ""},
		{Forename, "  Séan ", "sean"}, {Forename, "Mrs Mary-Anne", "mary anne"}, {Forename, "Twin B", ""}, {Forename, "BABY", ""}, {Forename, "Master", "master"},
		{Surname, "O'Hara", "ohara"}, {Surname, "van't Hof", "vant hof"}, {Surname, "李", "李"},
		{DOB, "1971-06-24", "19710624"}, {DOB, "19710624", "19710624"}, {DOB, "24/06/1971", "19710624"}, {DOB, "1971-06-24T00:00:00Z", "19710624"}, {DOB, "1971-06", "19710600"},
		{DOB, "1971", "19710000"}, {DOB, "1971-02-30", ""}, {DOB, "1900-01-01", ""}, {DOB, "next year", ""}, {DOB, "71-06-24", ""},
		{Sex, "Female", "f"}, {Sex, "1", "m"}, {Sex, "9", ""},
		{Postcode, "sw1a 1aa", "SW1A1AA"}, {Postcode, "ZZ99 3CZ", ""}, {Postcode, "4011", "4011"},
		{Address, "6 Tullaroop St.", "6 street tullaroop"}, {Address, "Tullaroop Street, 6", "6 street tullaroop"},
		{Phone, "+44 (0)1632 960111", "01632960111"}, {Phone, "0044 1632 960111", "01632960111"}, {Phone, "000000", ""},
		{Email, " Ada@Example.org", "ada@example.org"}, {Email, "none", ""},
	} {
		if got := clean(c.field, c.from, false); got != c.want {
			t.Errorf("%s %q is cleaned to %q, want %q", c.field, c.from, got, c.want)
		}
	}
	if got := clean(NHS, "9990000018", true); got != "9990000018" {
		t.Errorf("a made-up number among made-up people is cleaned to %q", got)
	}
}

func TestAgreementOfFields(t *testing.T) {
	for _, c := range []struct {
		field     Field
		one, two  string
		wantLevel string
	}{
		{Forename, "Robert", "Bob", "short form"}, {Forename, "Robert", "Robrt", "one letter off"}, {Forename, "J", "John", "initial"}, {Forename, "Ann", "Jan", "different"},
		{Forename, "Stephen", "Stefan", "sounds alike"}, {Forename, "Mary Anne", "Maryanne", "one letter off"}, {Surname, "Smith-Jones", "Jones", "part"},
		{Surname, "Smith", "Smyth", "one letter off"}, {Surname, "Okafor", "Green", "different"},
		{DOB, "1971-06-04", "1971-04-06", "day and month swapped"}, {DOB, "1971-06-24", "1971-06-25", "one digit off"}, {DOB, "1971-06-24", "1984-06-24", "two parts of three"},
		{DOB, "1971-06-24", "1971", "same, incomplete"}, {DOB, "1971", "1971", "same, incomplete"}, {DOB, "1971-06-24", "1984-11-02", "different"}, {DOB, "1971-06-24", "1971-11-02", "same year"},
		{Postcode, "SW1A 1AA", "SW1A 1BB", "same sector"}, {Postcode, "SW1A 1AA", "SW1A 2BB", "same district"}, {Postcode, "SW1A 1AA", "SW9 2BB", "same area"},
		{Postcode, "SW1A 1AA", "SW1A 1AB", "one letter off"}, {Postcode, "SW1A 1AA", "LS6 2BB", "different"},
		{Address, "6 Tullaroop St", "6 Tularoop Street", "nearly"}, {Address, "6 Tullaroop St", "9 Goble Lane", "different"},
		{Town, "London", "Lonon", "one letter off"}, {Phone, "01632 960111", "01632 960112", "one digit off"},
		{Email, "ada@example.org", "ada@other.net", "same name elsewhere"}, {NHS, "9434765919", "9434765919", "same"}, {Sex, "F", "male", "different"},
	} {
		a, b := Person{ID: "1"}, Person{ID: "2"}
		a.Values[c.field], b.Values[c.field] = c.one, c.two
		r, err := New([]Person{a, b}, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		there, _, _ := r.compare(&r.rows[0], &r.rows[1], nil)
		back, _, _ := r.compare(&r.rows[1], &r.rows[0], nil)
		if got := LevelName(c.field, there.levels[c.field]); got != c.wantLevel || there != back {
			t.Errorf("%s: %q and %q: %s, want %s (and the same the other way round)", c.field, c.one, c.two, got, c.wantLevel)
		}
	}
}

func TestReadCSVNamesWhatIsWrong(t *testing.T) {
	columns, err := ParseMap("id=no,forename=first,address=line 1+line 2")
	if err != nil {
		t.Fatal(err)
	}
	people, _, err := ReadCSV(strings.NewReader("\ufeffno,first,Line 1, line 2\r\n1,\"Ada\",4 Mill Lane,Merrowby\r\n2, Eve ,,\r\n"), "a.csv", columns, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(people) != 2 || people[0].Values[Address] != "4 Mill Lane Merrowby" || people[1].Values[Forename] != "Eve" {
		t.Errorf("read %v", people)
	}
	// As a spreadsheet writes it: in Windows-1252, with rows of nothing below the last. The first once lost letters, the second the file.
	people, _, err = ReadCSV(strings.NewReader("no,first,line 1,line 2\r\n1,Ren\xe9e,O\x92Brien\x92s,\r\n,,,\r\n ,,,\r\n"), "a.csv", columns, "")
	if err != nil || len(people) != 1 || people[0].Values[Forename] != "Renée" || people[0].Values[Address] != "O’Brien’s" {
		t.Errorf("read %q, %v", people, err)
	}
	for text, want := range map[string]string{
		"":                                 "a.csv: the file is empty",
		"no,first,line 1\n":                `a.csv: line 1: there is no column "line 2"; the columns are "no, first, line 1"`,
		"\xff\xfen\x00o\x00":               "a.csv: the file is in UTF-16",
		"no,first,line 1,line 2\n1,a\n":    "a.csv: line 2 has 2 values, the header has 4 columns",
		"no,first,line 1,line 2\n,a,b,c\n": "a.csv: line 2: column no, the id, is empty",
		"no,first,line 1,line 2\n1,a,,\n\n1,b,,\n":   `a.csv: line 4: id "1" is that of line 2 too`,
		"no,first,line 1,line 2,first\n1,a,b,c,d\n":  `a.csv: line 1: column "first" stands twice`,
		"no,first,line 1,line 2\n1,\"a,,\n2,b,,\n\n": "a.csv: ",
	} {
		if _, _, err := ReadCSV(strings.NewReader(text), "a.csv", columns, ""); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, wrong := range []string{"", "id", "id=no", "shoe=size,forename=a", "forename=a,forename=b", "forename=", "postcode=|old", "postcode=now|", "address=a+", "id=a|b,forename=c"} {
		if _, err := ParseMap(wrong); err == nil {
			t.Errorf("--map %q was taken", wrong)
		}
	}
}

func TestReadCSVTakesFurtherValues(t *testing.T) {
	columns, err := ParseMap("id=no,surname=now|maiden,address=a+b|c+d|e")
	if err != nil {
		t.Fatal(err)
	}
	people, _, err := ReadCSV(strings.NewReader("no,now,maiden,a,b,c,d,e\n1,Okafor,Thornley,4,Mill Lane,9,Oak Road,\n2,Grey,,1,,,,\n"), "a.csv", columns, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := people[0].Also, []Value{{Surname, "Thornley"}, {Address, "9 Oak Road"}}; !slices.Equal(got, want) || people[1].Also != nil || people[0].Values[Address] != "4 Mill Lane" {
		t.Errorf("read %+v", people)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("id,a\n1,x\n")
	f.Add("\ufeffid,a\r\n\"1\",\"x\ny\"\r\n2,z")
	f.Add("id,a\n1,\"\n")
	columns, err := ParseMap("id=id,forename=a,surname=a,dob=a,postcode=a,nhs=a,address=a,email=a,phone=a,sex=a,town=a")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		people, _, err := ReadCSV(strings.NewReader(text), "f", columns, "")
		if err != nil || len(people) > 100 {
			return
		}
		r, err := New(people, nil, false)
		if err != nil {
			t.Fatalf("what was read cannot be compared: %v", err)
		}
		for _, p := range r.Run(Default(), true, quiet) {
			if p.A >= p.B || p.Weight != p.Weight {
				t.Fatalf("pair %v", p)
			}
		}
	})
}

// What has been cleaned is clean: cleaning it again changes nothing. And no value compares differently the other way round.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"Séan O'Hara", "24/06/1971", "+44 (0)1632 960111", "sw1a 1aa", "943 476 5919", "baby", "\xff\xfe", "1971-6-4", "00441632960111"} {
		f.Add(s, "x"+s)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		for field := range fieldCount {
			a, b := Person{ID: "1"}, Person{ID: "2"}
			a.Values[field], b.Values[field] = one, two
			r, err := New([]Person{a, b}, nil, true)
			if err != nil {
				t.Fatal(err)
			}
			there, _, _ := r.compare(&r.rows[0], &r.rows[1], nil)
			back, _, _ := r.compare(&r.rows[1], &r.rows[0], nil)
			if there != back {
				t.Fatalf("%s: %q with %q: %v, the other way round %v", field, one, two, there, back)
			}
			if field == NHS || field == Postcode || field == Email || field == Sex {
				if c := clean(field, one, true); c != "" && clean(field, c, true) != c {
					t.Fatalf("%s: %q is cleaned to %q, then to %q", field, one, c, clean(field, c, true))
				}
			}
		}
	})
}
