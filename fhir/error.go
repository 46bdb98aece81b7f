package fhir

import (
	"errors"
	"fmt"
)

// ErrKind says what sort of thing went wrong; each door maps it to its own language in one table.
type ErrKind uint8

// The kinds of error. The zero kind is Broken: an error nobody classified is ours.
const (
	Broken        ErrKind = iota // our fault; the cause is for operators
	Invalid                      // the input is not what the specification allows (400)
	NotFound                     // there is no such thing (404)
	Forbidden                    // the policy refuses (403)
	Conflict                     // somebody else was first, or a precondition fails (409, 412)
	Gone                         // it was there and is no longer (410)
	Unsupported                  // correct, but not served here (400 not-supported)
	Busy                         // try again later (503)
	TooLarge                     // over a limit (413)
	Unprocessable                // well-formed, yet it breaks a rule of the resource (422)
	Precondition                 // If-Match, If-None-Exist or a conditional matched wrongly (412)
	TooCostly                    // an exact answer would cost more than the limits allow
	NoRoom                       // the disk is full: nothing was written (507)
	TooMany                      // the asker has too much under way at once (429)
)

var kindNames = [...]string{"broken", "invalid", "not found", "forbidden", "conflict", "gone", "unsupported", "busy", "too large", "unprocessable", "precondition failed", "too costly", "no room", "too many"}

// String is the kind in words.
func (k ErrKind) String() string { return kindNames[k] }

// Error says what happened to whom, once: a sentence for a person, the FHIRPath of the element at fault, and the cause
// for operators (never shown to the person who asked).
type Error struct {
	Kind  ErrKind
	Msg   string
	Path  string
	Cause error
}

// Errorf makes an error of a kind; a %w argument becomes its cause.
func Errorf(kind ErrKind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Cause: errors.Unwrap(err)}
}

// At names the element at fault and returns e.
func (e *Error) At(path string) *Error {
	e.Path = path
	return e
}

// Error is the sentence, with the element at fault where one is known.
func (e *Error) Error() string {
	if e.Path != "" {
		return e.Path + ": " + e.Msg
	}
	return e.Msg
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf is the kind of the first *Error in err's chain, Broken where there is none.
func KindOf(err error) ErrKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Broken
}
