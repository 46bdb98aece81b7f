package scores

import (
	"fmt"
	"slices"

	"github.com/kith-care/kith/fhir"
)

// CHA2DS2VASc is the risk of stroke in atrial fibrillation: 0 to 9 points. Facts are those of its list that the person has: "heart failure", "hypertension",
// "diabetes", "stroke, TIA or thromboembolism", "vascular disease".
func CHA2DS2VASc(age Age, sex Sex, has []Fact) (*Result, error) {
	t := table.CHA2DS2VASc
	if age.Years < 18 {
		return nil, fhir.Errorf(fhir.Unprocessable, "CHA2DS2-VASc is not for people under 18")
	}
	if sex.Code != "female" && sex.Code != "male" {
		return nil, fhir.Errorf(fhir.Unprocessable, "CHA2DS2-VASc needs the sex, female or male, not %q", sex.Code)
	}
	r := result("CHA2DS2-VASc", t.Source, age.input(), sex.input())
	total := 0
	for _, a := range t.Ages {
		if age.Years >= a.From {
			total += a.Points
			break
		}
	}
	if sex.Code == "female" {
		total += t.Female
	}
	var counted []string
	for _, f := range has {
		points, ok := t.Points[f.Name]
		if !ok {
			return nil, fhir.Errorf(fhir.Unprocessable, "%q is nothing that CHA2DS2-VASc counts", f.Name)
		}
		r.Inputs = append(r.Inputs, Input{f.Name, "yes", "", f.From})
		if !slices.Contains(counted, f.Name) {
			counted = append(counted, f.Name)
			total += points
		}
	}
	r.Value, r.Band = fhir.MakeDecimal(int64(total), 0), fmt.Sprintf("%d of 9", total)
	return r, nil
}

// PHQ9 is the depression questionnaire: nine answers of 0 to 3. An answer above 0 to the ninth, thoughts of being better off dead or of self-harm, always raises
// a person, whatever the total is.
func PHQ9(answers []int, from string) (*Result, error) {
	return ask("PHQ-9", table.PHQ9, answers, from)
}

// GAD7 is the anxiety questionnaire: seven answers of 0 to 3.
func GAD7(answers []int, from string) (*Result, error) {
	return ask("GAD-7", table.GAD7, answers, from)
}

func ask(name string, q questions, answers []int, from string) (*Result, error) {
	if len(answers) != q.Items {
		return nil, fhir.Errorf(fhir.Unprocessable, "%s has %d answers, not %d: a total of some would look lower than it is", name, q.Items, len(answers))
	}
	r := result(name, q.Source)
	total := 0
	for i, a := range answers {
		if a < 0 || a > 3 {
			return nil, fhir.Errorf(fhir.Unprocessable, "%s, item %d: an answer is 0 to 3, not %d", name, i+1, a)
		}
		total += a
		r.Inputs = append(r.Inputs, Input{fmt.Sprintf("item %d", i+1), fmt.Sprint(a), "", from})
	}
	r.Value, r.Band = fhir.MakeDecimal(int64(total), 0), bandOf(q.Bands, float64(total))
	if q.Person > 0 && answers[q.Person-1] > 0 {
		r.Person = fmt.Sprintf("Item %d of the %s was answered with %d: thoughts of being better off dead or of self-harm. Somebody must speak to this person today.", q.Person, name, answers[q.Person-1])
	}
	return r, nil
}
