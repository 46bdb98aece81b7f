package town

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// messagesOf are the hospital's messages in order, without their frames.
func messagesOf(t *testing.T, dir string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "hospital-zz1", "messages.hl7"))
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range bytes.Split(bytes.TrimSuffix(data, []byte("\x1c\r")), []byte("\x1c\r")) {
		all = append(all, string(frame[1:]))
	}
	return all
}

func segmentOf(message, name string) []string {
	for line := range strings.SplitSeq(message, "\r") {
		if strings.HasPrefix(line, name+"|") {
			return strings.Split(line, "|")
		}
	}
	return nil
}

// A baby comes into the hospital's system within its mother's stay, leaves with her, is called Baby and has her as next of kin, and is named later.
func TestMotherAndBabyLeaveTogether(t *testing.T) {
	town := Town{Seed: 9, People: 6000}
	dir, _ := written(t, town, Writing{Density: Sixty, Days: 2, Feeds: []string{"hospital-zz1"}})
	place := town.place()
	came, went, kin, named := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	for _, m := range messagesOf(t, dir) {
		msh, pid, pv1 := segmentOf(m, "MSH"), segmentOf(m, "PID"), segmentOf(m, "PV1")
		if len(pid) < 6 {
			continue
		}
		mrn, _, _ := strings.Cut(pid[3], "^")
		switch {
		case msh[8] == "ADT^A31":
			named[mrn] = pid[5]
		case len(pv1) > 3 && strings.HasPrefix(pv1[3], "Maternity") && msh[8] == "ADT^A01":
			came[mrn] = pv1[44]
			if nk1 := segmentOf(m, "NK1"); nk1 != nil {
				kin[mrn] = nk1[2]
				if !strings.Contains(pid[5], "^Baby") || nk1[3] != "MTH^Mother" {
					t.Errorf("the newborn is %s, next of kin %v", pid[5], nk1)
				}
			}
		case len(pv1) > 3 && strings.HasPrefix(pv1[3], "Maternity") && msh[8] == "ADT^A03":
			went[mrn] = pv1[45]
		}
	}
	babies, given := 0, 0
	number := func(i int) string { return fmt.Sprintf("M%07d", 1_000_000+i) }
	for i := range town.People {
		p := town.draw(i, place)
		baby, mother := number(i), ""
		if p.birth == nil || came[baby] == "" {
			continue
		}
		babies++
		mother = number(p.mother)
		if came[mother] == "" || came[mother] >= came[baby] || went[mother] != went[baby] || kin[baby] == "" || !strings.HasSuffix(kin[baby], "^"+town.draw(p.mother, place).first) {
			t.Errorf("%s came %s and went %s; mother %s came %s and went %s; kin %s", baby, came[baby], went[baby], mother, came[mother], went[mother], kin[baby])
		}
		if named[baby] != "" {
			given++
			if strings.Contains(named[baby], "^Baby") {
				t.Errorf("%s is still called %s", baby, named[baby])
			}
		}
	}
	if babies < 25 || given < 15 {
		t.Errorf("%d babies, %d of them named", babies, given)
	}
}

// What the hospital said last of each referral tells who waits on the last day, since when, on which list and for which specialty: nobody is missing, and nobody too many.
func TestTheHospitalSaysWhoWaits(t *testing.T) {
	town := Town{Seed: 9, People: 1500}
	dir, _ := written(t, town, Writing{Density: Sixty, Days: 2, Feeds: []string{"hospital-zz1"}})
	said := map[string]string{}
	for _, m := range messagesOf(t, dir) {
		msh, rf1 := segmentOf(m, "MSH"), segmentOf(m, "RF1")
		if rf1 == nil {
			continue
		}
		id, _, _ := strings.Cut(rf1[6], "^")
		status := strings.Split(rf1[1], "^")
		switch {
		case msh[8] == "REF^I14", len(status) > 3 && status[3][0] == '3':
			said[id] = ""
		default:
			code, _, _ := strings.Cut(rf1[3], "^")
			said[id] = rf1[7] + " " + code + " " + rf1[5][:1]
		}
	}
	waiting, beds := 0, 0
	place := town.place()
	for i := range town.People {
		for _, w := range live(town.draw(i, place), place).pathways {
			id, want := fmt.Sprintf("R%07d%02d", i, w.n), ""
			if w.waits(town.until().Add(-2*time.Hour)) && w.waits(town.until()) {
				list := "O"
				waiting++
				if !w.decided.IsZero() && w.decided.Add(time.Hour).Before(town.until()) {
					list = "I"
					beds++
				}
				want = hl7Time(w.referred) + " " + w.referral + " " + list
			}
			if said[id] != want {
				t.Errorf("%s: the hospital last said %q, it is %q", id, said[id], want)
			}
			delete(said, id)
		}
	}
	for id, last := range said {
		t.Errorf("%s: the hospital said %q of a referral that nobody made", id, last)
	}
	if waiting < 100 || beds < 8 {
		t.Errorf("%d wait, %d of them for a bed", waiting, beds)
	}
}
