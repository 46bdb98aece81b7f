package message

import (
	"strings"
	"testing"
	"time"

	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/words"
)

func TestPlan(t *testing.T) {
	all := able{true, true, true, true}
	full := need.Need{Email: "a@b.example", Mobile: "+447700900123", Phone: "+441632960100", Address: []string{"1 Mill Lane", "Merrowby"}}
	for _, c := range []struct {
		name string
		n    need.Need
		can  able
		want string
	}{
		{"nothing said", full, all, "app email text letter telephone"},
		{"text first", with(full, need.Text, need.Standard), all, "text email letter telephone"},
		{"e-mail first", with(full, need.Email, need.Standard), all, "email text letter telephone"},
		{"letters", with(full, need.Letter, need.LargePrint), all, "letter telephone"},
		{"telephone", with(full, need.Telephone, ""), all, "telephone"},
		{"easy read", with(full, need.Letter, need.EasyRead), all, "-letter telephone"},
		{"Braille", with(full, need.Letter, need.Braille), all, "letter telephone"},
		{"no address of any kind", need.Need{}, all, "app -email -text -letter telephone"},
		{"no account, no gateway", full, able{Email: true, Print: true}, "email letter telephone"},
	} {
		var got []string
		for _, s := range plan(&c.n, c.can) {
			if s.State == skipped {
				got = append(got, "-"+string(s.Channel))
			} else {
				got = append(got, string(s.Channel))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, strings.Join(got, " "), c.want)
		}
	}
}

func with(n need.Need, c need.Channel, f need.Format) need.Need {
	n.Channel, n.Format = c, f
	return n
}

// Nobody is woken, whatever the clocks do that night: they go back at two on 25 October 2026.
func TestNothingIsSentAtNight(t *testing.T) {
	at := func(text string) time.Time {
		tm, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return tm
	}
	for _, c := range []struct{ now, want string }{
		{"2026-10-24T18:59:00Z", "2026-10-24T18:59:00Z"},
		{"2026-10-24T19:00:00Z", "2026-10-25T08:00:00Z"},
		{"2026-10-25T03:00:00Z", "2026-10-25T08:00:00Z"},
		{"2026-06-01T06:59:00Z", "2026-06-01T07:00:00Z"},
	} {
		if got := decent(need.Text, false, at(c.now)); !got.Equal(at(c.want)) {
			t.Errorf("at %s: %s, want %s", c.now, got, c.want)
		}
	}
	if night := at("2026-10-25T03:00:00Z"); !decent(need.Text, true, night).Equal(night) || !decent(need.Letter, false, night).Equal(night) {
		t.Error("what is urgent waits, or a letter does")
	}
}

// A text message has one part, in the alphabet of text messages, and nothing of the person in it, in English and in Welsh.
func TestTextMessagesFit(t *testing.T) {
	for _, l := range []string{"en", "cy"} {
		for _, from := range []string{"Mill Lane Surgery", "Meddygfa Tŷ Gwyn", strings.Repeat("A very long name of a hospital ", 5), "诊所"} {
			text := alert(words.In(l), from, "https://kith.merrowby.example/my/messages")
			n, ok := Septets(text)
			if !ok || n > MostSeptets || !strings.Contains(text, "https://kith.merrowby.example/my/messages") {
				t.Errorf("%s, %s: %d %v %q", l, from, n, ok, text)
			}
		}
	}
	if text := alert(words.In("en"), "Mill Lane Surgery", "https://k.example"); !strings.Contains(text, "Mill Lane Surgery") {
		t.Errorf("it does not say from whom: %q", text)
	}
	for text, want := range map[string]int{"abc": 3, "€": 2, "[a]": 5, "ŵ": -1, "日": -1, "é": 1} {
		if n, ok := Septets(text); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q takes %d %v", text, n, ok)
		}
	}
}
