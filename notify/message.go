package notify

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/kith-care/kith/access"
	"github.com/kith-care/kith/fhir"
	"github.com/kith-care/kith/record"
)

// message is what is sent to an endpoint.
type message struct {
	method, url string
	body        []byte // JSON, nil for none
}

// event is what one notification says of a resource, as the Subscription has it.
func (s *Service) event(v *sub, res *record.Stored, number int64) message {
	switch {
	case v.Content != "":
		return message{http.MethodPost, v.Endpoint, s.bundle(v, "event-notification", res, number)}
	case v.Payload: // https://hl7.org/fhir/R4/subscription.html#2.46.7.1
		at, query, asked := strings.Cut(v.Endpoint, "?")
		at = strings.TrimSuffix(at, "/") + "/" + res.Ref()
		if asked {
			at += "?" + query
		}
		return message{http.MethodPut, at, res.Body}
	}
	return message{http.MethodPost, v.Endpoint, nil}
}

// bundle is a notification as the R5 backport writes it for R4.
// https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription-notification-r4.html
func (s *Service) bundle(v *sub, kind string, res *record.Stored, number int64) []byte {
	now := s.now().UTC().Format("2006-01-02T15:04:05.000Z")
	b := append([]byte(`{"resourceType":"Bundle","type":"history","timestamp":"`+now+`","entry":[{"fullUrl":"urn:uuid:`), newUUID()...)
	b = s.appendStatus(append(b, `","resource":`...), v, kind, res, number)
	b = append(b, `,"request":{"method":"GET","url":`...)
	b = fhir.AppendString(b, s.Base+"/Subscription/"+v.ID+"/$status")
	b = append(b, `},"response":{"status":"200"}}`...)
	if res != nil && v.Content != "empty" {
		b = fhir.AppendString(append(b, `,{"fullUrl":`...), s.Base+"/"+res.Ref())
		if v.Content == "full-resource" {
			b = append(append(b, `,"resource":`...), res.Body...)
		}
		method, url, status := http.MethodPut, res.Ref(), "200"
		if res.Created {
			method, url, status = http.MethodPost, res.Type, "201"
		}
		b = append(b, `,"request":{"method":"`+method+`","url":"`+url+`"},"response":{"status":"`+status+`"}}`...)
	}
	return append(b, "]}"...)
}

// appendStatus writes how a Subscription is, and with res of what is told.
// https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription-status-r4.html
func (s *Service) appendStatus(b []byte, v *sub, kind string, res *record.Stored, number int64) []byte {
	b = append(b, `{"resourceType":"Parameters","meta":{"profile":["http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4"]},"parameter":[{"name":"subscription","valueReference":{"reference":`...)
	b = fhir.AppendString(b, s.Base+"/Subscription/"+v.ID)
	b = append(b, `}},{"name":"status","valueCode":"`+v.Status+`"},{"name":"type","valueCode":"`+kind+`"},{"name":"events-since-subscription-start","valueString":"`...)
	b = append(strconv.AppendInt(b, number, 10), `"}`...)
	if res != nil {
		b = append(b, `,{"name":"notification-event","part":[{"name":"event-number","valueString":"`...)
		b = append(strconv.AppendInt(b, number, 10), `"},{"name":"timestamp","valueInstant":"`+res.Updated.UTC().Format("2006-01-02T15:04:05.000Z")+`"}`...)
		if v.Content != "empty" {
			b = fhir.AppendString(append(b, `,{"name":"focus","valueReference":{"reference":`...), s.Base+"/"+res.Ref())
			b = append(b, "}}"...)
		}
		b = append(b, "]}"...)
	}
	return append(b, "]}"...)
}

// Status says how a Subscription of the asker is and how many events it was told, as Parameters of the R5 backport.
func (s *Service) Status(ctx context.Context, who access.Actor, id string) ([]byte, error) {
	v, err := s.mine(s.reads(ctx), who, id)
	if err != nil {
		return nil, err
	}
	at, err := record.ReadJSON[place](s.reads(ctx), kindPlace, id)
	if err != nil {
		return nil, err
	}
	if v.ended(s.now()) {
		v.Status = off
	}
	if at == nil {
		at = &place{}
	}
	return s.appendStatus(nil, v, "query-status", nil, at.Events), nil
}

// newUUID makes a random UUID. https://www.rfc-editor.org/rfc/rfc9562#section-5.4
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
