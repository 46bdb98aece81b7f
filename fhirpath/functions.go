package fhirpath

import (
	"fmt"
	"sort"
	"sync/atomic"
)

// function is one FHIRPath function. apply gets the input and the arguments as they were written, since some are
// evaluated on every item of the input and some not at all.
type function struct {
	min, max int
	typed    bool // the argument is the name of a type
	apply    func(c *call, s *scope, in Collection) (Collection, error)
}

func (f *function) arity() string {
	switch {
	case f.min == f.max && f.max == 0:
		return "no arguments"
	case f.min == f.max && f.max == 1:
		return "1 argument"
	case f.min == f.max:
		return fmt.Sprintf("%d arguments", f.min)
	case f.max >= many:
		return fmt.Sprintf("at least %d arguments", f.min)
	}
	return fmt.Sprintf("%d to %d arguments", f.min, f.max)
}

const many = 100

// functions are all functions of FHIRPath 3.0.0 and of R4, by name. elementDefinition, slice and %factory need
// definitions this program does not carry and are left out.
var functions = map[string]*function{
	"is":     {min: 1, max: 1, typed: true},
	"as":     {min: 1, max: 1, typed: true},
	"ofType": {min: 1, max: 1, typed: true},

	"empty":      {apply: func(_ *call, _ *scope, in Collection) (Collection, error) { return truth(len(in) == 0), nil }},
	"exists":     {max: 1, apply: exists},
	"all":        {min: 1, max: 1, apply: all},
	"allTrue":    {apply: flags(func(yes, no int) bool { return no == 0 })},
	"anyTrue":    {apply: flags(func(yes, no int) bool { return yes > 0 })},
	"allFalse":   {apply: flags(func(yes, no int) bool { return yes == 0 })},
	"anyFalse":   {apply: flags(func(yes, no int) bool { return no > 0 })},
	"subsetOf":   {min: 1, max: 1, apply: subsetOf},
	"supersetOf": {min: 1, max: 1, apply: supersetOf},
	"count": {apply: func(_ *call, _ *scope, in Collection) (Collection, error) {
		return Collection{integer(int64(len(in)))}, nil
	}},
	"distinct":   {apply: func(_ *call, s *scope, in Collection) (Collection, error) { return s.distinct(in) }},
	"isDistinct": {apply: isDistinct},
	"not":        {apply: not},

	"where":     {min: 1, max: 1, apply: where},
	"select":    {min: 1, max: 1, apply: project},
	"repeat":    {min: 1, max: 1, apply: repeat},
	"repeatAll": {min: 1, max: 1, apply: repeatAll},
	"sort":      {max: many, apply: sorted},
	"aggregate": {min: 1, max: 2, apply: aggregate},
	"sum":       {apply: sum},
	"min":       {apply: extreme(-1)},
	"max":       {apply: extreme(1)},
	"avg":       {apply: average},

	"single":    {apply: single},
	"first":     {apply: func(_ *call, _ *scope, in Collection) (Collection, error) { return in[:min(len(in), 1)], nil }},
	"last":      {apply: func(_ *call, _ *scope, in Collection) (Collection, error) { return in[max(len(in)-1, 0):], nil }},
	"tail":      {apply: func(_ *call, _ *scope, in Collection) (Collection, error) { return in[min(len(in), 1):], nil }},
	"skip":      {min: 1, max: 1, apply: skip},
	"take":      {min: 1, max: 1, apply: take},
	"intersect": {min: 1, max: 1, apply: intersect},
	"exclude":   {min: 1, max: 1, apply: exclude},
	"union":     {min: 1, max: 1, apply: unite},
	"combine":   {min: 1, max: 2, apply: concat},
	"coalesce":  {min: 1, max: many, apply: coalesce},

	"iif":            {min: 2, max: 3, apply: iif},
	"trace":          {min: 1, max: 2, apply: trace},
	"defineVariable": {min: 1, max: 2, apply: defineVariable},
	"now":            {apply: now},
	"today":          {apply: now},
	"timeOfDay":      {apply: now},
	"children":       {apply: childrenOf},
	"descendants":    {apply: descendants},
	"type":           {apply: typeOf},
	"pathname":       {apply: pathname},

	"toBoolean": {apply: conversion(toBoolean)}, "convertsToBoolean": {apply: converts(toBoolean)},
	"toInteger": {apply: conversion(toInteger)}, "convertsToInteger": {apply: converts(toInteger)},
	"toLong": {apply: conversion(toLong)}, "convertsToLong": {apply: converts(toLong)},
	"toDecimal": {apply: conversion(toDecimal)}, "convertsToDecimal": {apply: converts(toDecimal)},
	"toString": {apply: conversion(toString)}, "convertsToString": {apply: converts(toString)},
	"toDate": {apply: conversion(toDate)}, "convertsToDate": {apply: converts(toDate)},
	"toDateTime": {apply: conversion(toDateTime)}, "convertsToDateTime": {apply: converts(toDateTime)},
	"toTime": {apply: conversion(toTime)}, "convertsToTime": {apply: converts(toTime)},
	"toQuantity": {max: 1, apply: conversion(toQuantity)}, "convertsToQuantity": {max: 1, apply: converts(toQuantity)},

	"indexOf":        {min: 1, max: 1, apply: textual(indexOf)},
	"lastIndexOf":    {min: 1, max: 1, apply: textual(lastIndexOf)},
	"substring":      {min: 1, max: 2, apply: substring},
	"startsWith":     {min: 1, max: 1, apply: textual(startsWith)},
	"endsWith":       {min: 1, max: 1, apply: textual(endsWith)},
	"contains":       {min: 1, max: 1, apply: textual(containsText)},
	"upper":          {apply: textual(upper)},
	"lower":          {apply: textual(lower)},
	"length":         {apply: textual(length)},
	"trim":           {apply: textual(trim)},
	"toChars":        {apply: textual(toChars)},
	"replace":        {min: 2, max: 2, apply: textual(replace)},
	"split":          {min: 1, max: 1, apply: textual(split)},
	"encode":         {min: 1, max: 1, apply: textual(encode)},
	"decode":         {min: 1, max: 1, apply: textual(decode)},
	"escape":         {min: 1, max: 1, apply: textual(escape)},
	"unescape":       {min: 1, max: 1, apply: textual(unescape)},
	"matches":        {min: 1, max: 2, apply: textual(matches)},
	"matchesFull":    {min: 1, max: 2, apply: textual(matchesFull)},
	"replaceMatches": {min: 2, max: 3, apply: textual(replaceMatches)},
	"join":           {max: 1, apply: join},

	"abs":          {apply: math1(abs)},
	"ceiling":      {apply: math1(ceiling)},
	"floor":        {apply: math1(floor)},
	"truncate":     {apply: math1(truncate)},
	"trunc":        {apply: math1(truncate)},
	"exp":          {apply: math1(exponential)},
	"ln":           {apply: math1(naturalLog)},
	"sqrt":         {apply: math1(squareRoot)},
	"log":          {min: 1, max: 1, apply: logarithm},
	"power":        {min: 1, max: 1, apply: power},
	"round":        {max: 1, apply: round},
	"precision":    {apply: precision},
	"lowBoundary":  {max: 1, apply: boundary},
	"highBoundary": {max: 1, apply: boundary},
	"comparable":   {min: 1, max: 1, apply: comparable},

	"yearOf": {apply: component}, "monthOf": {apply: component}, "dayOf": {apply: component},
	"hourOf": {apply: component}, "minuteOf": {apply: component}, "secondOf": {apply: component},
	"millisecondOf": {apply: component}, "timezoneOffsetOf": {apply: component},
	"dateOf": {apply: component}, "timeOf": {apply: component},
	"duration":   {min: 2, max: 2, apply: between},
	"difference": {min: 2, max: 2, apply: between},

	"resolve":        {apply: resolve},
	"extension":      {min: 1, max: 1, apply: extension},
	"hasValue":       {apply: hasValue},
	"getValue":       {apply: getValue},
	"memberOf":       {min: 1, max: 1, apply: memberOf},
	"subsumes":       {min: 1, max: 1, apply: subsumes},
	"subsumedBy":     {min: 1, max: 1, apply: subsumes},
	"conformsTo":     {min: 1, max: 1, apply: conformsTo},
	"checkModifiers": {min: 1, max: many, apply: checkModifiers},
	"htmlChecks":     {apply: htmlChecks},
}

// call is a function called on an input.
type call struct {
	input node // nil for a call at the start of an expression
	name  string
	f     *function
	args  []node
	last  atomic.Pointer[pattern]
}

func newCall(input node, name string, f *function, args []node) node {
	return &call{input: input, name: name, f: f, args: args}
}

func (c *call) eval(s *scope) (Collection, error) {
	in := s.this
	if c.input != nil {
		var err error
		if in, err = c.input.eval(s); err != nil {
			return nil, err
		}
	}
	return c.f.apply(c, s, in)
}

// arg evaluates an argument that is not evaluated per item, in the scope around the call; empty where it is missing.
func (c *call) arg(i int, s *scope) (Collection, error) {
	if i >= len(c.args) {
		return nil, nil
	}
	return c.args[i].eval(s.fork())
}

// number evaluates an argument that must be a whole number; not ok where it is empty.
func (c *call) number(i int, s *scope) (int64, bool, error) {
	a, err := c.arg(i, s)
	if err != nil || len(a) == 0 || len(a) == 1 && !a[0].hasValue() {
		return 0, false, err
	}
	n, err := s.wholeNumber(a, "the argument of "+c.name+"()")
	return n, err == nil, err
}

// text evaluates an argument that must be a string; not ok where it is empty.
func (c *call) text(i int, s *scope) (string, bool, error) {
	a, err := c.arg(i, s)
	if err != nil || len(a) == 0 {
		return "", false, err
	}
	v, ok, err := s.single(a, c.name+"()")
	if err != nil || !ok {
		return "", false, err
	}
	if v.kind != String {
		return "", false, s.fail("%s() takes a string, not %s", c.name, describe(a))
	}
	return v.s, true, nil
}

// sortKey is an argument of sort().
type sortKey struct {
	key  node
	down bool
}

func (k *sortKey) eval(s *scope) (Collection, error) { return k.key.eval(s) }

// sorted is sort(): stable, by each key in turn; items without a key come first.
func sorted(c *call, s *scope, in Collection) (Collection, error) {
	args := c.args
	if len(args) == 0 {
		args = []node{&sortKey{key: &special{"$this"}}}
	}
	type row struct {
		it   Item
		keys []value
	}
	rows := make([]row, len(in))
	for i, it := range in {
		rows[i] = row{it, make([]value, len(args))}
		for k, arg := range args {
			out, err := arg.eval(s.with(it, i))
			if err != nil {
				return nil, err
			}
			if rows[i].keys[k], _, err = s.single(out, "sort()"); err != nil {
				return nil, err
			}
		}
	}
	var failed error
	sort.SliceStable(rows, func(i, j int) bool {
		for k := range args {
			a, b := rows[i].keys[k], rows[j].keys[k]
			order, ok := 0, true
			switch {
			case a.kind == none || b.kind == none:
				order = int(min(a.kind, 1)) - int(min(b.kind, 1))
			default:
				order, _, ok = s.compare(a, b)
			}
			if !ok && failed == nil {
				failed = s.fail("sort() cannot compare %s with %s", a.kind, b.kind)
			}
			if key, is := args[k].(*sortKey); is && key.down {
				order = -order
			}
			if order != 0 {
				return order < 0
			}
		}
		return false
	})
	out := make(Collection, len(in))
	for i := range rows {
		out[i] = rows[i].it
	}
	return out, failed
}
