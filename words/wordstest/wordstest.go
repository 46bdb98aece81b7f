// Package wordstest finds English that was left on a page in another language.
package wordstest

import (
	"regexp"
	"slices"
	"strings"
)

// common are words that nearly every English sentence has one of, and that no other language that Kith speaks has.
var common = []string{"the", "and", "your", "you", "with", "this", "that", "for", "not", "are", "was", "have", "has", "from", "they", "their", "what", "when", "which", "who", "how", "of", "will", "been", "may", "cannot", "please"}

var (
	inEnglish = regexp.MustCompile(`(?s)<(\w+)[^>]* lang="en[^"]*"[^>]*>.*?</\w+>`) // names of English pages, and the way to the English page
	head      = regexp.MustCompile(`(?s)<head>.*?</head>|<script.*?</script>`)
	shown     = regexp.MustCompile(`(?:aria-label|placeholder|alt|data-label)="([^"]*)"`) // attributes that are read out
	title     = regexp.MustCompile(`<title>.*?</title>`)
	tag       = regexp.MustCompile(`<[^>]*>`)
	space     = regexp.MustCompile(`\s*\n\s*`)
)

// English are the lines of a page that have a common English word. What stands in an element with lang="en", and what but names, such as somebody's own words,
// does not count.
func English(page string, but ...string) []string {
	text := strings.Join(title.FindAllString(page, 1), "") + "\n" + head.ReplaceAllString(page, "")
	text = inEnglish.ReplaceAllString(text, "")
	for _, m := range shown.FindAllStringSubmatch(text, -1) {
		text += "\n" + m[1]
	}
	for _, own := range but {
		text = strings.ReplaceAll(text, own, "")
	}
	var out []string
	for _, line := range space.Split(tag.ReplaceAllString(text, "\n"), -1) {
		for _, word := range strings.FieldsFunc(strings.ToLower(line), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r > 127) }) {
			if slices.Contains(common, word) {
				out = append(out, line)
				break
			}
		}
	}
	return out
}
