package match

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kith-care/kith/search"
)

// clean brings a value to the form in which it is compared; "" where it says nothing. testNumbers lets NHS numbers of made-up
// people through.
func clean(f Field, value string, testNumbers bool) string {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	switch f {
	case NHS:
		return cleanNHS(value, testNumbers)
	case Forename, Surname:
		return cleanName(value)
	case DOB:
		return cleanDate(value)
	case Sex:
		return cleanSex(value)
	case Postcode:
		return cleanPostcode(value)
	case Address:
		return cleanAddress(value)
	case Phone:
		return cleanPhone(value)
	case Email:
		return cleanEmail(value)
	}
	return strings.Join(words(value), " ")
}

// cleanNHS keeps ten digits whose check digit is right by Modulus 11. Ten equal digits pass that test and are never a
// person's. Numbers that begin with 999 are never issued.
// https://www.datadictionary.nhs.uk/attributes/nhs_number.html
func cleanNHS(value string, testNumbers bool) string {
	d := digits(value)
	if len(d) != 10 || strings.Count(d, d[:1]) == 10 || !testNumbers && strings.HasPrefix(d, "999") {
		return ""
	}
	sum := 0
	for i := range 9 {
		sum += int(d[i]-'0') * (10 - i)
	}
	if (11-sum%11)%11 != int(d[9]-'0') { // a sum that would need check digit 10 fits no digit
		return ""
	}
	return d
}

// silent are names that name nobody. Babies and twins are often registered so before they have a name.
const silent = " baby twin twins infant boy girl male female unknown unnamed notknown na none nil test patient newborn bo unk null nan "

// unborn reports whether a forename that names nobody stands for a baby who may be one of twins.
func unborn(forename string) bool {
	return slices.ContainsFunc(words(forename), func(w string) bool {
		return strings.Contains(" baby twin twins infant boy girl newborn bo male female ", " "+w+" ")
	})
}

const titles = " mr mrs ms miss mx dr prof sir master rev "

func cleanName(value string) string {
	all := words(strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return ' '
		case r == '\'' || r == '’' || r == '`':
			return -1
		}
		return r
	}, value))
	kept := all[:0]
	for i, w := range all {
		title := i == 0 && len(all) > 1 && strings.Contains(titles, " "+w+" ")
		if title || strings.Contains(silent, " "+w+" ") {
			continue
		}
		kept = append(kept, w)
	}
	if len(kept) < len(all) && len(strings.Join(kept, "")) < 2 {
		return "" // what is left of "twin b"
	}
	return strings.Join(kept, " ")
}

// cleanDate reads 1971-06-24, 19710624, 1971-06, 1971 and 24/06/1971 (day first, as in Britain) into yyyymmdd with 00 for what is
// not said. Dates that stand for "not known", and days that never were, are silent.
func cleanDate(value string) string {
	value, _, _ = strings.Cut(value, "T")
	value, _, _ = strings.Cut(value, " ")
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
	if len(parts) == 3 && len(parts[2]) == 4 {
		parts[0], parts[2] = parts[2], parts[0]
	}
	if len(parts) == 1 {
		switch p := parts[0]; len(p) {
		case 8:
			parts = []string{p[:4], p[4:6], p[6:]}
		case 6:
			parts = []string{p[:4], p[4:]}
		}
	}
	if len(parts) == 0 || len(parts) > 3 || len(parts[0]) != 4 {
		return ""
	}
	var n [3]int
	for i, p := range parts {
		d, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return ""
		}
		n[i] = int(d)
	}
	if n[0] < 1850 || n[0] > 2150 || n[1] > 12 || n[2] > 31 || n[1] == 0 && n[2] != 0 {
		return ""
	}
	if n[2] > 0 && time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC).Day() != n[2] {
		return ""
	}
	if n == [3]int{1900, 1, 1} || n == [3]int{1899, 12, 30} || n == [3]int{1970, 1, 1} && len(value) == 4 {
		return ""
	}
	b := []byte("00000000")
	for at, v := range [3]int{n[0], n[1], n[2]} {
		end := [3]int{4, 6, 8}[at]
		for ; v > 0; v /= 10 {
			end--
			b[end] = byte('0' + v%10)
		}
	}
	return string(b)
}

func cleanSex(value string) string {
	switch strings.ToLower(value) {
	case "f", "female", "2", "w", "woman":
		return "f"
	case "m", "male", "1", "man":
		return "m"
	}
	return ""
}

// cleanPostcode keeps letters A to Z and digits, which is all that postcodes have; ZZ99 codes of the NHS mean no abode, abroad
// or not known.
func cleanPostcode(value string) string {
	p := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(strings.Join(words(value), "")))
	if strings.HasPrefix(p, "ZZ99") {
		return ""
	}
	return p
}

var streetWords = map[string]string{
	"st": "street", "str": "street", "rd": "road", "ave": "avenue", "av": "avenue", "cl": "close", "ct": "court", "crt": "court", "dr": "drive", "cres": "crescent",
	"cr": "crescent", "pl": "place", "la": "lane", "ln": "lane", "gdns": "gardens", "gdn": "gardens", "sq": "square", "tce": "terrace", "ter": "terrace", "terr": "terrace",
	"apt": "flat", "apmnt": "flat", "apartment": "flat", "unit": "flat", "grv": "grove", "gr": "grove", "pde": "parade", "hse": "house", "ho": "house", "cct": "circuit",
	"pk": "park", "nr": "near", "bldg": "building", "vlge": "village", "no": "", "number": "",
}

var kindsOfStreet = map[string]bool{
	"street": true, "road": true, "avenue": true, "close": true, "court": true, "drive": true, "crescent": true, "place": true, "lane": true,
	"gardens": true, "square": true, "terrace": true, "flat": true, "grove": true, "parade": true, "house": true, "way": true, "park": true, "the": true,
}

// cleanAddress expands short forms and sorts the words, since systems do not agree on the order of lines.
func cleanAddress(value string) string {
	all := words(value)
	kept := all[:0]
	for _, w := range all {
		if long, short := streetWords[w]; short {
			w = long
		}
		if w != "" {
			kept = append(kept, w)
		}
	}
	slices.Sort(kept)
	return strings.Join(slices.Compact(kept), " ")
}

// cleanPhone keeps the digits of a number with the British prefix made 0.
func cleanPhone(value string) string {
	d := digits(value)
	d = strings.TrimPrefix(d, "00")
	if rest, ok := strings.CutPrefix(d, "44"); ok && len(rest) >= 9 {
		d = "0" + strings.TrimPrefix(rest, "0")
	}
	if len(d) < 6 || strings.Count(d, d[:1]) == len(d) {
		return ""
	}
	return d
}

func cleanEmail(value string) string {
	value = strings.ToLower(value)
	if at := strings.IndexByte(value, '@'); at < 1 || at == len(value)-1 {
		return ""
	}
	return value
}

func digits(value string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, value)
}

// words folds case and accents and splits at whatever is neither letter nor digit.
func words(value string) []string {
	return strings.FieldsFunc(search.Fold(value), func(r rune) bool {
		return r < 0x80 && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}
