package carrier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"strings"
	"unicode/utf8"

	"github.com/kith-care/kith/fhir"
)

// Reply is something that came back from a carrier.
type Reply struct {
	ID     string // the carrier's own, so that what comes twice is one
	Medium string // email or text
	From   string
	Key    string // of what it is about, "" where it does not say
	Words  string
	What   What
}

// What came back.
type What string

// What comes back: an answer, that something did not arrive, that it did, or something nobody wrote, such as a notice of absence.
const (
	Answer  What = "answer"
	Bounce  What = "bounce"
	Arrival What = "arrival"
	Robot   What = "robot"
)

// Receiver takes what carriers bring, for whoever has the token: the gateway's notices at /texts, and e-mails as they came at /mail, which a mail server
// passes on (docs/messages.md). Token and Take must be set.
type Receiver struct {
	Token string // in Authorization: Bearer …
	Take  func(ctx context.Context, r Reply) error
}

// mostMail is how large an e-mail may be that is read.
const mostMail = 10 << 20

// ServeHTTP answers a carrier: 204 where it is kept, 4xx where trying again makes no sense.
func (h *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if h.Token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(h.Token)) != 1 {
		http.Error(w, "the token is wrong", http.StatusUnauthorized)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostMail))
	if err != nil {
		http.Error(w, "it is too large, or was cut off", http.StatusRequestEntityTooLarge)
		return
	}
	var reply Reply
	switch {
	case strings.HasSuffix(r.URL.Path, "/texts"):
		reply, err = ReadText(raw)
	case strings.HasSuffix(r.URL.Path, "/mail"):
		reply, err = ReadMail(raw)
	default:
		http.NotFound(w, r)
		return
	}
	if err == nil && reply.What != Robot {
		err = h.Take(r.Context(), reply)
	}
	switch k := fhir.KindOf(err); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case k == fhir.Invalid:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		http.Error(w, "it could not be kept: send it again", http.StatusServiceUnavailable)
	}
}

// ReadText reads what GOV.UK Notify calls back with: a text message that came, or what became of one that was sent.
// https://docs.notifications.service.gov.uk/rest-api.html#callbacks
func ReadText(raw []byte) (Reply, error) {
	var v struct {
		ID        string
		Reference string
		Status    string
		Source    string `json:"source_number"`
		Message   string
	}
	if err := json.Unmarshal(raw, &v); err != nil || v.ID == "" {
		return Reply{}, fhir.Errorf(fhir.Invalid, "this is no notice of a text gateway: it has no id")
	}
	if v.Source != "" && v.Source[0] >= '1' && v.Source[0] <= '9' {
		v.Source = "+" + v.Source // Notify leaves out what begins a number from abroad
	}
	r := Reply{ID: v.ID, Medium: "text", From: v.Source, Key: v.Reference, Words: v.Message}
	switch {
	case v.Source != "" && v.Status == "":
		r.What = Answer
	case v.Status == "delivered":
		r.What = Arrival
	case v.Status == "permanent-failure", v.Status == "temporary-failure", v.Status == "technical-failure":
		r.What, r.Words = Bounce, "the text gateway says: "+strings.ReplaceAll(v.Status, "-", " ")
	case v.Status != "":
		r.What = Robot // it is on its way
	default:
		return Reply{}, fhir.Errorf(fhir.Invalid, "the notice %s says neither who wrote nor what became of something", v.ID)
	}
	return r, nil
}

// ReadMail reads an e-mail as it came: who wrote it, what it answers by the key in the address to which it came, and what is new in it, without what it quotes.
func ReadMail(raw []byte) (Reply, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Reply{}, fhir.Errorf(fhir.Invalid, "this is no e-mail: %v", err)
	}
	r := Reply{ID: strings.Trim(m.Header.Get("Message-Id"), "<> "), Medium: "email", What: Answer}
	if r.ID == "" {
		sum := sha256.Sum256(raw)
		r.ID = hex.EncodeToString(sum[:16])
	}
	if from, err := mail.ParseAddress(m.Header.Get("From")); err == nil {
		r.From = from.Address
	}
	for _, name := range []string{"Delivered-To", "X-Original-To", "To", "Cc"} {
		list, err := mail.ParseAddressList(m.Header.Get(name))
		if err != nil {
			continue
		}
		for _, to := range list {
			if _, key, ok := strings.Cut(localOf(to.Address), "+"); ok && r.Key == "" {
				r.Key = strings.ToLower(key)
			}
		}
	}
	kind, params, _ := mime.ParseMediaType(m.Header.Get("Content-Type"))
	text, report, err := partsOf(m.Body, kind, params, m.Header.Get("Content-Transfer-Encoding"), 0)
	if err != nil {
		return Reply{}, err
	}
	auto := strings.ToLower(m.Header.Get("Auto-Submitted"))
	switch {
	case kind == "multipart/report" && strings.Contains(report, "action: failed"):
		r.What, r.Words = Bounce, "the mail server says that there is no such address, or that it takes nothing"
		return r, nil
	case kind == "multipart/report", auto != "" && auto != "no", strings.EqualFold(m.Header.Get("Precedence"), "bulk"), strings.EqualFold(m.Header.Get("Precedence"), "junk"):
		r.What = Robot // to answer a machine would go on for ever
		return r, nil
	case r.From == "":
		return Reply{}, fhir.Errorf(fhir.Invalid, "the e-mail %s does not say who wrote it", r.ID)
	}
	r.Words = unquoted(text)
	return r, nil
}

func localOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	return address[:max(at, 0)]
}

// deepest is how many parts within parts of an e-mail are looked into.
const deepest = 5

// partsOf is the plain text of an e-mail, and, in small letters, what a report says of what became of another.
func partsOf(body io.Reader, kind string, params map[string]string, encoding string, depth int) (text, report string, err error) {
	if !strings.HasPrefix(kind, "multipart/") {
		switch strings.ToLower(encoding) {
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			return "", "", fhir.Errorf(fhir.Invalid, "the e-mail is damaged: %v", err)
		}
		said := utf8Of(raw, params["charset"])
		switch kind {
		case "", "text/plain":
			return said, "", nil
		case "message/delivery-status":
			return "", strings.ToLower(said), nil
		}
		return "", "", nil
	}
	if depth == deepest || params["boundary"] == "" {
		return "", "", nil
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return text, report, nil
		}
		if err != nil {
			return "", "", fhir.Errorf(fhir.Invalid, "the e-mail is damaged: %v", err)
		}
		inner, with, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") {
			continue
		}
		t, rep, err := partsOf(p, inner, with, p.Header.Get("Content-Transfer-Encoding"), depth+1)
		if err != nil {
			return "", "", err
		}
		if text == "" {
			text = t
		}
		report += rep
	}
}

// utf8Of is a text in UTF-8. What is in neither UTF-8 nor Latin-1 is read as the latter: a wrong accent is better than nothing.
func utf8Of(raw []byte, charset string) string {
	if utf8.Valid(raw) && !strings.EqualFold(charset, "iso-8859-1") {
		return string(raw)
	}
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return string(runes)
}

// unquoted is what is new in an answer: what stands before the text it quotes. Where everything is quoted, all of it.
func unquoted(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		bare := strings.TrimSpace(line)
		if strings.HasPrefix(bare, ">") || strings.HasPrefix(bare, "-----Original Message") || strings.HasPrefix(bare, "________________________________") ||
			strings.HasPrefix(bare, "On ") && strings.HasSuffix(bare, "wrote:") || strings.HasPrefix(bare, "Ar ") && strings.HasSuffix(bare, "ysgrifennodd:") {
			break
		}
		kept = append(kept, line)
	}
	if out := strings.TrimSpace(strings.Join(kept, "\n")); out != "" {
		return out
	}
	return strings.TrimSpace(text)
}
