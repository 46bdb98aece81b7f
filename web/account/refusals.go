package account

import (
	"regexp"
	"time"

	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/words"
)

// refusals are what access/signin says to people whom it does not sign in; %s is what varies. They are said again in the reader's language (kit.Refusal).
var refusals = []string{
	words.Text("these two accounts cannot be joined: ask at the desk of your practice"),
	words.Text("there is nothing to join"),
	words.Text("this account was ended"),
	words.Text("this account was ended: ask whoever gave it to you, or at the desk of your practice"),
	words.Text("%s does not answer: try again later, or sign in another way"),
	words.Text("%s does not answer: try again later, or sign in another way: %s"),
	words.Text("nobody signs in with %s here"),
	words.Text("signing in with %s did not work"),
	words.Text("this answer does not belong to a sign-in that was begun here: begin again"),
	words.Text("this answer comes from somebody else than %s"),
	words.Text("you did not sign in with %s, or did not agree to share who you are"),
	words.Text("%s did not sign you in (%s)"),
	words.Text("%s did not confirm that you signed in: begin again: %s"),
	words.Text("%s did not say who you are: try again: %s"),
	words.Text("%s says two things of who you are"),
	words.Text("this sign-in belongs to an account of staff: sign in the way staff do"),
	words.Text("this sign-in belongs to an account of a patient: sign in the way patients do"),
	words.Text("%s says that you are somebody else than this account belongs to: ask the desk of your practice"),
	words.Text("this passkey does not sign in here: it may have been removed, or it belongs to another place"),
	words.Text("you signed in a while ago: to change how you sign in, sign in again first"),
	words.Text("you have %s passkeys already: remove one first"),
	words.Text("the passkey was not made in a way that can be trusted: try again, or with another device"),
	words.Text("this passkey is in use already"),
	words.Text("you have no such passkey"),
	words.Text("signing in took too long or was begun in another window: begin again"),
	words.Text("this sign-in has been used already: begin again"),
}

// providerSays are what access/idp says on its page.
var providerSays = []string{
	words.Text("The program that sent you here is not known."),
	words.Text("The address that you would be sent back to is not one of this program's."),
	words.Text("The address that you would be sent back to is none."),
	words.Text("What was sent is not understood."),
	words.Text("Signing in does not work at the moment. Try again in a minute."),
	words.Text("Choose who you want to sign in as"),
	words.Text("Enter your user name and your password"),
	words.Text("There were too many wrong tries. Try again at %s"),
	words.Text("The user name or the password is wrong"),
}

// reasons are why an account has its level, as access/signin says it.
var reasons = []string{
	words.Text("%s has checked who you are"),
	words.Text("%s knows how to reach you, and has not yet checked who you are with photo ID"),
	words.Text("%s has not yet checked who you are"),
}

// seen is the reason of an account that staff have vouched for: their organisation, and the day in English.
var seen = regexp.MustCompile(`^Staff at (.+) saw you in person on (\d+ [A-Z][a-z]+ \d{4})$`)

// why says why an account has its level, in the reader's language.
func why(l *words.Lang, said string) string {
	if text, is := l.Again(said, reasons...); is {
		return text
	}
	if parts := seen.FindStringSubmatch(said); parts != nil {
		if day, err := time.ParseInLocation("2 January 2006", parts[2], london.Zone); err == nil {
			return l.T("Staff at %s saw you in person on %s", parts[1], l.Date(day))
		}
	}
	return said
}
