package idp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/access/signin"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/fhir/london"
	"github.com/kith-care/kith/record"
)

// request is what a client asks, checked.
type request struct {
	Client    string
	Redirect  string
	Scopes    []string
	State     string
	Nonce     string
	Challenge string // of PKCE, S256
}

// asked are the parameters that the sign-in page carries along.
var asked = []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt"}

// redirected is an error that the client hears of: its address has been checked.
type redirected struct{ code, why string }

func (e *redirected) Error() string { return e.why }

// read checks a request. Until client and address are known to be right, an error is shown to the person and sent nowhere.
func (p *Provider) read(q url.Values) (request, error) {
	r := request{Client: q.Get("client_id"), Redirect: q.Get("redirect_uri"), State: q.Get("state"), Nonce: q.Get("nonce"), Challenge: q.Get("code_challenge"), Scopes: strings.Fields(q.Get("scope"))}
	for _, name := range asked {
		if len(q[name]) > 1 || len(q.Get(name)) > 2000 {
			return r, fhir.Errorf(fhir.Invalid, "%s is given twice or is too long", name)
		}
	}
	c := p.client(r.Client)
	if c == nil {
		return r, fhir.Errorf(fhir.Invalid, "the program that sent you here is not known")
	}
	if !slices.Contains(c.Redirects, r.Redirect) {
		return r, fhir.Errorf(fhir.Invalid, "the address that you would be sent back to is not one of this program's")
	}
	switch {
	case q.Get("response_type") != "code":
		return r, &redirected{"unsupported_response_type", "only response_type=code is served"}
	case !slices.Contains(r.Scopes, "openid"):
		return r, &redirected{"invalid_scope", "the scope openid is missing"}
	case q.Get("code_challenge_method") != "S256" || len(r.Challenge) != 43:
		return r, &redirected{"invalid_request", "PKCE with S256 is needed"}
	case q.Get("prompt") == "none":
		return r, &redirected{"login_required", "people choose each time who they are"}
	}
	return r, nil
}

// page shows who one can sign in as, or asks for name and password.
func (p *Provider) page(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	req, err := p.read(q)
	if p.refuse(w, r, req, err) {
		return
	}
	p.o.Show(w, r, http.StatusOK, p.view(req, q))
}

func (p *Provider) view(req request, q url.Values) View {
	v := View{Staff: slices.Contains(req.Scopes, "nationalrbacaccess"), Request: url.Values{}}
	for _, name := range asked {
		if q.Has(name) {
			v.Request.Set(name, q.Get(name))
		}
	}
	if p.o.People != nil {
		v.People = []Person{}
		for _, one := range p.o.People() {
			if one.Staff == v.Staff {
				v.People = append(v.People, one)
			}
		}
	}
	return v
}

func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, req request, err error) bool {
	if err == nil {
		return false
	}
	if e, ok := errors.AsType[*redirected](err); ok {
		p.back(w, r, req, url.Values{"error": {e.code}, "error_description": {e.why}})
		return true
	}
	p.o.Show(w, r, http.StatusBadRequest, View{Broken: sentence(err.Error())})
	return true
}

// back sends the person to where they came from.
func (p *Provider) back(w http.ResponseWriter, r *http.Request, req request, q url.Values) {
	u, err := url.Parse(req.Redirect)
	if err != nil {
		p.o.Show(w, r, http.StatusBadRequest, View{Broken: "The address that you would be sent back to is none."})
		return
	}
	all := u.Query()
	for k, v := range q {
		all[k] = v
	}
	if req.State != "" {
		all.Set("state", req.State)
	}
	all.Set("iss", p.o.Issuer)
	u.RawQuery = all.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}

// signIn is what the page sends: who somebody is, and their password.
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		p.o.Show(w, r, http.StatusBadRequest, View{Broken: "What was sent is not understood."})
		return
	}
	req, err := p.read(r.PostForm)
	if p.refuse(w, r, req, err) {
		return
	}
	if r.PostForm.Get("cancel") != "" {
		p.back(w, r, req, url.Values{"error": {"access_denied"}})
		return
	}
	view := p.view(req, r.PostForm)
	who, wrong, err := p.identify(r, view)
	if err != nil {
		slog.ErrorContext(r.Context(), "the built-in sign-in failed", "error", err)
		p.o.Show(w, r, http.StatusServiceUnavailable, View{Broken: "Signing in does not work at the moment. Try again in a minute."})
		return
	}
	if wrong != "" {
		view.User, view.Error = r.PostForm.Get("user"), wrong
		p.o.Show(w, r, http.StatusForbidden, view)
		return
	}
	code := random()
	err = p.box.Decide(r.Context(), func(func(kind, key string) ([]byte, error)) (record.Noted, error) {
		item, err := expiring("code", code, grant{request: req, Person: *who, At: p.o.Now().UTC(), Expires: p.o.Now().Add(time.Minute).UTC()})
		return record.Noted{Items: []record.BoxItem{item}, Who: access.Actor{ID: "idp/" + who.Subject, Name: who.Name(), From: p.o.From(r)}, Action: access.Create, What: "sign-in for " + req.Client}, err
	})
	if err != nil {
		slog.ErrorContext(r.Context(), "the built-in sign-in failed", "error", err)
		p.o.Show(w, r, http.StatusServiceUnavailable, View{Broken: "Signing in does not work at the moment. Try again in a minute."})
		return
	}
	p.back(w, r, req, url.Values{"code": {code}})
}

// identify finds who is signing in; wrong is a sentence for them where they are nobody.
func (p *Provider) identify(r *http.Request, v View) (who *Person, wrong string, err error) {
	if v.People != nil {
		i := slices.IndexFunc(v.People, func(one Person) bool { return one.Subject == r.PostForm.Get("person") })
		if i < 0 {
			return nil, "Choose who you want to sign in as", nil
		}
		return &v.People[i], "", nil
	}
	name, password := strings.ToLower(strings.TrimSpace(r.PostForm.Get("user"))), r.PostForm.Get("password")
	if name == "" || password == "" || len(name) > 100 || len(password) > 1000 {
		return nil, "Enter your user name and your password", nil
	}
	from := p.o.From(r)
	if err := p.brake.Try(r.Context(), name, from); err != nil {
		if until, slowed := signin.Slowed(err); slowed {
			return nil, "There were too many wrong tries. Try again at " + until.In(london.Zone).Format("15:04"), nil
		}
		return nil, "", err
	}
	who, err = p.check(r.Context(), name, password)
	if err != nil {
		return nil, "", err
	}
	if who == nil || who.Staff != v.Staff {
		err := p.box.Note(r.Context(), access.Actor{ID: "anonymous", From: from}, access.Create, "sign-in as "+name, "user name or password is wrong")
		return nil, "The user name or the password is wrong", err
	}
	return who, "", p.brake.Right(r.Context(), name, from)
}

// grant is what a code stands for.
type grant struct {
	request
	Person  Person
	At      time.Time
	Expires time.Time
	Token   string `json:",omitempty"` // hash of the token that the code was used for
}

// expiring is an item found by the hash of a secret.
func expiring(kind, secret string, v any) (record.BoxItem, error) {
	value, err := json.Marshal(v)
	return record.BoxItem{Kind: kind, Key: hashOf(secret), Value: value}, err
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// random is a secret of 256 bits.
func random() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
