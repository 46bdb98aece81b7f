// Package match says which records are of one person: record linkage after Fellegi and Sunter (1969).
//
// The story: a Person is a handful of strings. New cleans them (clean.go) into a Roster, in an order that does not depend on
// the order of the rows. Pairs worth comparing are found by several passes of blocking (block.go). Each field of a pair
// agrees to a level (compare.go), and each level is worth bits: log2 of how often true pairs show it (m) over how often
// two people taken at random do (u). u is counted on random pairs, m and the number of true pairs are learned from the file
// itself by expectation-maximisation (learn.go); Settings freeze them. What the file says less than a prior says counts little.
//
// A weight is the log2 odds that a pair is one person: 5 is 32 to 1. What agrees because people live together, are twins, or father
// and son, is never worth more than what tells such people apart (settings.go). NHS number and date of birth together are proof; an NHS
// number alone, where names and birth clash, is a question for a person (decide.go). Who is left over is looked at again (second.go).
//
// An Index says the same of people who come one at a time. A Linker keeps the record's Patients linked by it, asks a person where it is
// not sure, and never forgets what was answered (linker.go, queue.go).
package match

import "strings"

// Field is one thing known of a person.
type Field uint8

// The fields of a person, in the order of Settings and of reports.
const (
	NHS Field = iota
	Forename
	Surname
	DOB
	Sex
	Postcode
	Address
	Town
	Phone
	Email
	fieldCount
)

var fieldNames = [fieldCount]string{"nhs", "forename", "surname", "dob", "sex", "postcode", "address", "town", "phone", "email"}

func (f Field) String() string { return fieldNames[f] }

// FieldNamed returns the field of that name, as it is written in --map.
func FieldNamed(name string) (Field, bool) {
	for f, n := range fieldNames {
		if strings.EqualFold(n, name) {
			return Field(f), true
		}
	}
	return 0, false
}

// FieldNames lists what may be known of a person.
func FieldNames() []string { return fieldNames[:] }

// Person is one row about somebody, as it came. ID names the row within its file.
type Person struct {
	ID     string
	Values [fieldCount]string
	// Also are other values that were or are true of the person: earlier addresses and postcodes, the surname before a
	// marriage, a name someone goes by, a superseded NHS number. Agreement with one of them counts, less the chance of it.
	Also []Value
}

// Value is one more value of a field.
type Value struct {
	Field Field
	Text  string
}

// levelNames are the levels to which each field can agree, weakest first; level 0 says that a side is silent.
var levelNames = [fieldCount][]string{
	NHS:      {"absent", "different", "one digit off", "same"},
	Forename: {"absent", "different", "initial", "sounds alike", "short form", "one letter off", "same"},
	Surname:  {"absent", "different", "part", "sounds alike", "one letter off", "same"},
	DOB:      {"absent", "different", "same year", "two parts of three", "same, incomplete", "one digit off", "day and month swapped", "same"},
	Sex:      {"absent", "different", "same"},
	Postcode: {"absent", "different", "same area", "same district", "same sector", "one letter off", "same"},
	Address:  {"absent", "different", "some words", "half", "nearly", "same"},
	Town:     {"absent", "different", "alike", "one letter off", "same"},
	Phone:    {"absent", "different", "one digit off", "same"},
	Email:    {"absent", "different", "same name elsewhere", "nearly", "same"},
}

const maxLevels = 8

// same is the highest level of a field.
func same(f Field) uint8 { return uint8(len(levelNames[f]) - 1) }

// LevelName says in words how far a field agreed.
func LevelName(f Field, level uint8) string { return levelNames[f][level] }
