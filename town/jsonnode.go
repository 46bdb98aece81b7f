package town

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// node is a piece of JSON in the order it was put together. Formats that the town only ever writes need no structs.
type node []byte

// number is written as it stands.
type number string

// object puts names and values together; what is empty is left out.
func object(pairs ...any) node {
	b := node{'{'}
	for i := 0; i+1 < len(pairs); i += 2 {
		value := valueOf(pairs[i+1])
		if value == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, pairs[i].(string))
		b = append(append(b, ':'), value...)
	}
	return append(b, '}')
}

// list puts nodes together; nil where there are none.
func list(nodes ...node) node {
	var b node
	for _, n := range nodes {
		if n == nil {
			continue
		}
		if b == nil {
			b = node{'['}
		} else {
			b = append(b, ',')
		}
		b = append(b, n...)
	}
	if b == nil {
		return nil
	}
	return append(b, ']')
}

func valueOf(v any) node {
	switch v := v.(type) {
	case node:
		return v
	case string:
		if v == "" {
			return nil
		}
		return quoted(v)
	case number:
		if v == "" {
			return nil
		}
		return node(v)
	case bool:
		return strconv.AppendBool(nil, v)
	case int:
		return strconv.AppendInt(nil, int64(v), 10)
	}
	panic(fmt.Sprintf("town: %T is not written as JSON", v))
}

func quoted(s string) node {
	b, err := json.Marshal(s)
	if err != nil {
		panic("town: " + err.Error())
	}
	return b
}

func coded1(system, code, display string) node {
	return object("system", system, "code", code, "display", display)
}

// conceptOf is a CodeableConcept of one coding.
func conceptOf(system, code, display string) node {
	return object("coding", list(coded1(system, code, display)))
}

func refTo(kind, id string) node {
	if id == "" {
		return nil
	}
	return object("reference", kind+"/"+id)
}
