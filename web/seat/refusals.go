package seat

import (
	"github.com/kith-care/kith/web/kit"
	"github.com/kith-care/kith/words"
)

// Refusal is what a use said when it refused, in the reader's language.
func Refusal(l *words.Lang, said string) string { return kit.Refusal(l, said, refusals) }

// refusals are what uses say to people who are refused, or come too late; %s is what varies. They are said again in the reader's language (kit.Refusal).
var refusals = []string{
	// access
	words.Text("People in your role may not do this."),
	words.Text("You have not yet proved who you are well enough for this. Prove who you are, with photo ID on-line or in person at the desk, and it opens."),
	words.Text("This app was not allowed to do this. Connect the app again and allow it."),
	// access/trust
	words.Text("only somebody with a record can let another see it"),
	words.Text("nobody needs to be trusted with their own record"),
	words.Text("sign in with an account that is matched to your own record first"),
	words.Text("this is your own invitation: give the code to the person you trust"),
	words.Text("choose a day that is still to come"),
	words.Text("choose a day in the next five years"),
	// care/triage
	words.Text("questions have been answered already: begin again"),
	words.Text("this question has been answered already"),
	words.Text("the questions have changed since %s %s: begin again"),
	words.Text("nothing is said about what is wrong"),
	// care/booking
	words.Text("it is too late to undo this: ten minutes have passed"),
	words.Text("there is another appointment at this time"),
	words.Text("this appointment is %s: it can no longer be changed"),
	words.Text("this appointment has begun: it can no longer be changed"),
	words.Text("what this leads to has changed since it was said: read it again"),
	words.Text("somebody else has just taken this time"),
	words.Text("this time has begun already"),
	words.Text("this wait has ended"),
	words.Text("somebody is seeing to this already: ring them to say that you would keep it"),
	// care/message and care/carry
	words.Text("this conversation is closed already"),
	words.Text("there are %s links already: end one first"),
}
