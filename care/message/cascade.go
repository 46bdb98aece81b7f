package message

import (
	"time"

	"github.com/kith-care/kith/care/need"
	"github.com/kith-care/kith/fhir/london"
)

// delivery is how far something that must reach somebody has come. It stands in the box, and its key is the name of its job.
type delivery struct {
	Key      string
	Ref      string // Communication/… or CommunicationRequest/…
	Patient  string
	Inbox    string // id of the Communication that waits in the inbox, "" before there is one
	Urgent   bool
	Deadline time.Time // when it is no use any more, such as the beginning of the appointment; zero for never
	Steps    []step    // nil before it began
	At       int       // the step that is being done
	Over     string    // how it ended, "" while it goes on
}

// step is one way that is tried.
type step struct {
	Channel need.Channel
	State   state
	Said    string    `json:",omitempty"` // what the carrier calls it
	Why     string    `json:",omitempty"` // it failed
	Sent    time.Time `json:",omitzero"`
	Until   time.Time `json:",omitzero"` // what comes next waits so long
	Tries   int       `json:",omitempty"`
}

// state is what became of a step.
type state string

// The states. Sending is written before something leaves the house, so that whoever finds it knows that the program ended in between: it may have left, so
// it is not sent again.
const (
	planned state = ""
	sending state = "sending"
	sent    state = "sent"
	unknown state = "unknown" // it may have been sent
	failed  state = "failed"
	skipped state = "skipped" // it cannot reach them
)

// How a delivery ends.
const (
	overRead      = "read"
	overPosted    = "posted" // a letter is on its way
	overPerson    = "person" // a person reaches them
	overCancelled = "cancelled"
	overLate      = "too late"
	overDied      = "died"
)

// able is what a place can send by.
type able struct{ Email, Text, Print, Online bool }

// byPost is how long a letter takes, with time left to act on it: second class is two to three working days.
const byPost = 4 * 24 * time.Hour

// plan is the order in which somebody is reached: first as they prefer, then these pages, e-mail, text message, letter, and in the end a person. Whoever prefers
// letters or to be called gets these at once.
func plan(n *need.Need, can able) []step {
	order := []need.Channel{need.App, need.Email, need.Text, need.Letter, need.Telephone}
	switch n.Channel {
	case need.Letter:
		order = []need.Channel{need.Letter, need.Telephone}
	case need.Telephone:
		order = []need.Channel{need.Telephone}
	case need.Email, need.Text:
		first := []need.Channel{n.Channel}
		for _, c := range order {
			if c != n.Channel && c != need.App { // it waits in the inbox all the while
				first = append(first, c)
			}
		}
		order = first
	}
	var out []step
	for _, c := range order {
		if !can.by(c) { // that a place sends no text messages is no failure to be shown with each message
			continue
		}
		one := step{Channel: c}
		if one.Why = closed(n, c); one.Why != "" {
			one.State = skipped
		}
		out = append(out, one)
	}
	return out
}

// by reports whether a place can send by a channel at all.
func (a able) by(c need.Channel) bool {
	return map[need.Channel]bool{need.App: a.Online, need.Email: a.Email, need.Text: a.Text, need.Letter: a.Print, need.Telephone: true}[c]
}

// closed is why a channel cannot reach somebody, "" where it can.
func closed(n *need.Need, c need.Channel) string {
	switch {
	case c == need.Email && n.Email == "":
		return "no e-mail address is known"
	case c == need.Text && n.Mobile == "":
		return "no mobile number is known"
	case c == need.Letter && byHand(n.Format) != "":
		return "they need " + byHand(n.Format) + ", which a person must make"
	case c == need.Letter && len(n.Address) < 2:
		return "no address is known"
	}
	return ""
}

// byHand is what a program cannot make of words, "" for what it can.
func byHand(f need.Format) string {
	return map[need.Format]string{need.EasyRead: "easy read", need.BSL: "British Sign Language", need.Audio: "an audio recording"}[f]
}

// wait is how long the next step waits for this one to be read.
func (w *Waits) wait(c need.Channel, urgent bool) time.Duration {
	switch {
	case urgent:
		return w.Urgent
	case c == need.App:
		return w.App
	case c == need.Email:
		return w.Email
	case c == need.Text:
		return w.Text
	}
	return 0
}

// last reports whether nothing follows a step that worked: nobody can tell whether a letter was read.
func last(c need.Channel) bool { return c == need.Letter || c == need.Telephone }

// Hours of the day, by London's clock, between which somebody may be disturbed.
const (
	wake, sleep = 8, 20
)

// decent is when something may go out by a channel that makes a noise: by day, unless it is urgent.
func decent(c need.Channel, urgent bool, now time.Time) time.Time {
	if urgent || c != need.Text && c != need.Email {
		return now
	}
	here := now.In(london.Zone)
	day := func(plus int) time.Time {
		return time.Date(here.Year(), here.Month(), here.Day()+plus, wake, 0, 0, 0, london.Zone)
	}
	switch {
	case here.Hour() < wake:
		return day(0)
	case here.Hour() >= sleep:
		return day(1)
	}
	return now
}

// mostTries is how often a carrier that says "not now" is asked before the next way is taken.
const mostTries = 3

// again is when a carrier that said "not now" is asked again: after one minute, then four.
func again(tries int, now time.Time) time.Time {
	return now.Add(time.Minute << (2 * (tries - 1)))
}

// due is when there is something to do about a delivery whose current step is done, and whether the next step is to be taken.
func (d *delivery) due(now time.Time) (at time.Time, next bool) {
	cur := &d.Steps[d.At]
	switch cur.State {
	case failed, skipped:
		return now, true
	case sent, unknown:
		return cur.Until, !now.Before(cur.Until)
	}
	return cur.Until, false
}
