package town

// problem is a long-term condition: how common it is, what is given for it, what is watched because of it.
//
// How common by age and sex follows the Quality and Outcomes Framework, the Health Survey for England and published
// counts of long-term conditions in English general practice, rounded; see problems_test.go for the bands that are held.
type problem struct {
	key, code, display, text string
	men, women               []float64 // per cent by age: age, per cent, age, per cent, …; nil for never
	likelier                 func(*person) float64
	among                    string // only people who already have this problem
	medicines                []medicine
	watch                    string // tests of the yearly review
	clinic                   string // the hospital specialty that sees some of them
	operation                *operation
}

// medicine is what a prescription says. Without a chance of its own it is given to everyone with the problem.
type medicine struct {
	chance     float64
	name       string
	dose       string
	quantity   string
	unit       string
	penicillin bool
}

// operation is a procedure done for some of those with a problem.
type operation struct {
	chance              float64
	code, display, text string
	specialty           string
}

const oneADay, twoADay = "One to be taken each day", "One to be taken twice a day"

func tablets(chance float64, name, dose string, n string) medicine {
	return medicine{chance: chance, name: name, dose: dose, quantity: n, unit: "tablet"}
}

func capsules(chance float64, name, dose string, n string) medicine {
	return medicine{chance: chance, name: name, dose: dose, quantity: n, unit: "capsule"}
}

func doses(chance float64, name, dose string) medicine {
	return medicine{chance: chance, name: name, dose: dose, quantity: "1", unit: "pack"}
}

func byWeight(p *person) float64 { return curve(p.bmi, 20, 0.35, 25, 0.75, 30, 1.5, 40, 2.8) }

func bySmoking(p *person) float64 { return [...]float64{0.3, 1.7, 3}[p.smoker] }

func heart(p *person) float64 {
	return [...]float64{0.85, 1.1, 1.5}[p.smoker] * curve(p.bmi, 22, 0.85, 30, 1.1, 38, 1.4)
}

func scale(by float64, points ...float64) []float64 {
	out := append([]float64(nil), points...)
	for i := 1; i < len(out); i += 2 {
		out[i] *= by
	}
	return out
}

// problems in the order they are drawn: one that follows from another stands after it.
var problems = []problem{
	{key: "hypertension", code: "59621000", display: "Essential hypertension", text: "High blood pressure",
		men: scale(1.04, 25, 0.3, 35, 3, 45, 10, 55, 22, 65, 36, 75, 50, 85, 56), women: scale(0.96, 25, 0.3, 35, 3, 45, 10, 55, 22, 65, 36, 75, 50, 85, 56),
		likelier: byWeight, watch: "bp weight ue",
		medicines: []medicine{tablets(0.55, "Amlodipine 5mg tablets", oneADay, "28"), capsules(0.5, "Ramipril 5mg capsules", oneADay, "28"),
			tablets(0.2, "Losartan 50mg tablets", oneADay, "28"), tablets(0.14, "Indapamide 2.5mg tablets", "One to be taken each morning", "28")}},
	{key: "diabetes", code: "44054006", display: "Diabetes mellitus type 2", text: "Type 2 diabetes",
		men: scale(1.12, 25, 0.2, 35, 1.5, 45, 4.3, 55, 8, 65, 12.5, 75, 16, 85, 15), women: scale(0.85, 25, 0.2, 35, 1.5, 45, 4.3, 55, 8, 65, 12.5, 75, 16, 85, 15),
		likelier: func(p *person) float64 { return byWeight(p) * p.ancestry.weight }, watch: "bp weight ue hba1c lipids", clinic: "Diabetes and endocrinology",
		medicines: []medicine{tablets(0.8, "Metformin 500mg tablets", "Two to be taken twice a day with meals", "112"), tablets(0.22, "Gliclazide 80mg tablets", oneADay, "28"),
			tablets(0.26, "Empagliflozin 10mg tablets", oneADay, "28"), tablets(0.7, "Atorvastatin 20mg tablets", "One to be taken at night", "28")}},
	{key: "type1", code: "46635009", display: "Diabetes mellitus type 1", text: "Type 1 diabetes",
		men: []float64{3, 0.02, 12, 0.3, 30, 0.5, 80, 0.4}, women: []float64{3, 0.02, 12, 0.3, 30, 0.45, 80, 0.35}, watch: "bp weight ue hba1c lipids", clinic: "Diabetes and endocrinology",
		medicines: []medicine{doses(0, "Insulin glargine 100units/ml solution for injection 3ml pre-filled pens", "As directed, once a day"),
			doses(0, "Insulin aspart 100units/ml solution for injection 3ml pre-filled pens", "As directed, with meals")}},
	{key: "asthma", code: "195967001", display: "Asthma", text: "Asthma",
		men: []float64{3, 1, 7, 6, 14, 8, 25, 6, 60, 5.5, 85, 5.5}, women: []float64{3, 1, 7, 4.5, 14, 6.5, 25, 6.5, 60, 8, 85, 6.5}, watch: "peakflow", clinic: "Respiratory medicine",
		medicines: []medicine{doses(0.9, "Salbutamol 100micrograms/dose inhaler CFC free", "Two puffs to be inhaled when required"),
			doses(0.7, "Beclometasone 100micrograms/dose inhaler CFC free", "Two puffs to be inhaled twice a day")}},
	{key: "copd", code: "13645005", display: "Chronic obstructive lung disease", text: "COPD",
		men: []float64{38, 0, 48, 0.9, 58, 2.6, 68, 5.2, 78, 8, 88, 8}, women: []float64{38, 0, 48, 0.9, 58, 2.4, 68, 4.6, 78, 6.5, 88, 6}, likelier: bySmoking,
		watch: "spo2 weight", clinic: "Respiratory medicine",
		medicines: []medicine{doses(0.85, "Salbutamol 100micrograms/dose inhaler CFC free", "Two puffs to be inhaled when required"),
			doses(0.7, "Tiotropium bromide 18microgram inhalation powder capsules", "The contents of one to be inhaled each day")}},
	{key: "cholesterol", code: "13644009", display: "Hypercholesterolaemia", text: "High cholesterol",
		men: []float64{30, 0.5, 42, 3.5, 55, 10, 70, 17, 85, 13}, women: []float64{30, 0.4, 42, 2.5, 55, 9, 70, 18, 85, 14}, watch: "lipids",
		medicines: []medicine{tablets(0.75, "Atorvastatin 20mg tablets", "One to be taken at night", "28")}},
	{key: "ihd", code: "414545008", display: "Ischaemic heart disease", text: "Ischaemic heart disease",
		men: []float64{38, 0.1, 48, 1.5, 58, 4.5, 68, 9.5, 78, 15, 88, 19}, women: []float64{40, 0.05, 50, 0.6, 60, 1.9, 70, 4.5, 80, 9, 90, 12}, likelier: heart,
		watch: "bp lipids ue", clinic: "Cardiology",
		medicines: []medicine{tablets(0.85, "Aspirin 75mg dispersible tablets", oneADay, "28"), tablets(0.85, "Atorvastatin 80mg tablets", oneADay, "28"),
			tablets(0.65, "Bisoprolol 2.5mg tablets", oneADay, "28"), doses(0.6, "Glyceryl trinitrate 400micrograms/dose sublingual spray", "One or two puffs under the tongue for chest pain")},
		operation: &operation{0.3, "36969009", "Placement of stent in coronary artery", "Coronary stent", "Cardiology"}},
	{key: "mi", code: "22298006", display: "Myocardial infarction", text: "Heart attack", men: []float64{40, 35}, women: []float64{40, 28}, among: "ihd"},
	{key: "af", code: "49436004", display: "Atrial fibrillation", text: "Atrial fibrillation",
		men: []float64{40, 0.2, 55, 1.4, 65, 4.2, 75, 10, 85, 19}, women: []float64{45, 0.1, 55, 0.6, 65, 2.3, 75, 7, 85, 16}, watch: "bp ue fbc", clinic: "Cardiology",
		medicines: []medicine{tablets(0.8, "Apixaban 5mg tablets", twoADay, "56"), tablets(0.6, "Bisoprolol 5mg tablets", oneADay, "28")}},
	{key: "heartfailure", code: "84114007", display: "Heart failure", text: "Heart failure",
		men: []float64{45, 0.1, 55, 0.6, 65, 1.8, 75, 4.5, 85, 9.5}, women: []float64{50, 0.1, 60, 0.5, 70, 1.7, 80, 5, 90, 10}, likelier: heart, watch: "bp weight ue fbc", clinic: "Cardiology",
		medicines: []medicine{tablets(0.75, "Furosemide 40mg tablets", "One to be taken each morning", "28"), tablets(0.7, "Bisoprolol 2.5mg tablets", oneADay, "28"),
			capsules(0.6, "Ramipril 5mg capsules", oneADay, "28"), tablets(0.35, "Spironolactone 25mg tablets", oneADay, "28")}},
	{key: "ckd", code: "433144002", display: "Chronic kidney disease stage 3", text: "Chronic kidney disease, stage 3",
		men: []float64{40, 0.1, 50, 0.7, 60, 2.5, 70, 8, 80, 19, 90, 31}, women: []float64{40, 0.1, 50, 0.8, 60, 3.2, 70, 10, 80, 22, 90, 33}, watch: "bp ue fbc"},
	{key: "stroke", code: "230690007", display: "Cerebrovascular accident", text: "Stroke",
		men: []float64{40, 0.1, 55, 1.3, 65, 3.2, 75, 6.8, 85, 10.5}, women: []float64{40, 0.1, 55, 0.9, 65, 2.2, 75, 5, 85, 9.5}, likelier: heart, watch: "bp lipids", clinic: "Care of older people",
		medicines: []medicine{tablets(0.75, "Clopidogrel 75mg tablets", oneADay, "28"), tablets(0.8, "Atorvastatin 40mg tablets", oneADay, "28")}},
	{key: "depression", code: "35489007", display: "Depressive disorder", text: "Depression",
		men: []float64{12, 0.2, 18, 3, 30, 7, 50, 10.5, 70, 8, 85, 7}, women: []float64{12, 0.6, 18, 6.5, 30, 14, 50, 18.5, 70, 14.5, 85, 12}, clinic: "",
		medicines: []medicine{tablets(0.45, "Sertraline 50mg tablets", oneADay, "28"), tablets(0.2, "Citalopram 20mg tablets", oneADay, "28"), tablets(0.12, "Mirtazapine 15mg tablets", "One to be taken at night", "28")}},
	{key: "anxiety", code: "197480006", display: "Anxiety disorder", text: "Anxiety",
		men: []float64{10, 0.5, 18, 3, 30, 5, 50, 4.8, 80, 3}, women: []float64{10, 0.8, 18, 7.5, 30, 9.5, 50, 8.5, 80, 6}, medicines: []medicine{tablets(0.25, "Propranolol 40mg tablets", "One to be taken when required, up to three times a day", "56")}},
	{key: "thyroid", code: "40930008", display: "Hypothyroidism", text: "Underactive thyroid",
		men: []float64{20, 0.2, 45, 1, 65, 2.2, 85, 4}, women: []float64{20, 0.8, 35, 2.8, 50, 6.3, 70, 10.5, 85, 12}, watch: "tft",
		medicines: []medicine{tablets(0.6, "Levothyroxine sodium 100microgram tablets", "One to be taken each morning", "28"), tablets(0.5, "Levothyroxine sodium 50microgram tablets", "One to be taken each morning", "28")}},
	{key: "arthritis", code: "396275006", display: "Osteoarthritis", text: "Osteoarthritis",
		men: []float64{35, 0.5, 45, 3, 55, 8, 65, 14, 75, 20, 85, 25}, women: []float64{35, 0.6, 45, 4, 55, 11.5, 65, 21, 75, 29, 85, 34}, likelier: func(p *person) float64 { return curve(p.bmi, 22, 0.8, 35, 1.5) },
		clinic: "Orthopaedics", medicines: []medicine{tablets(0.5, "Paracetamol 500mg tablets", "Two to be taken up to four times a day", "100"), tablets(0.25, "Naproxen 250mg tablets", "One to be taken twice a day with food", "56"),
			doses(0.2, "Ibuprofen 5% gel", "To be applied three times a day")},
		operation: &operation{0.1, "52734007", "Total replacement of hip", "Hip replacement", "Orthopaedics"}},
	{key: "osteoporosis", code: "64859006", display: "Osteoporosis", text: "Osteoporosis",
		men: []float64{50, 0.2, 65, 1, 85, 3}, women: []float64{48, 0.4, 55, 1.8, 65, 5.5, 75, 11.5, 85, 17},
		medicines: []medicine{tablets(0.65, "Alendronic acid 70mg tablets", "One to be taken once a week on the same day", "4"), tablets(0.6, "Calcium carbonate 1.5g / Colecalciferol 400unit chewable tablets", twoADay, "56")}},
	{key: "epilepsy", code: "84757009", display: "Epilepsy", text: "Epilepsy", men: []float64{1, 0.1, 12, 0.6, 30, 0.8, 80, 1.1}, women: []float64{1, 0.1, 12, 0.5, 30, 0.8, 80, 1}, clinic: "Neurology",
		medicines: []medicine{tablets(0.5, "Levetiracetam 500mg tablets", twoADay, "60"), tablets(0.4, "Lamotrigine 100mg tablets", twoADay, "56")}},
	{key: "dementia", code: "52448006", display: "Dementia", text: "Dementia", men: []float64{60, 0.1, 68, 0.9, 76, 3.5, 84, 11, 92, 22}, women: []float64{60, 0.1, 68, 0.9, 76, 3.9, 84, 13.5, 92, 28}, clinic: "Care of older people",
		medicines: []medicine{tablets(0.45, "Donepezil 10mg tablets", "One to be taken at night", "28"), tablets(0.2, "Memantine 20mg tablets", oneADay, "28")}},
	{key: "rheumatoid", code: "69896004", display: "Rheumatoid arthritis", text: "Rheumatoid arthritis", men: []float64{25, 0.05, 45, 0.4, 65, 1, 85, 1.3}, women: []float64{20, 0.1, 45, 0.9, 65, 2, 85, 2.4}, watch: "fbc lft crp", clinic: "Rheumatology",
		medicines: []medicine{tablets(0.7, "Methotrexate 2.5mg tablets", "Six to be taken once a week on the same day", "24"), tablets(0.7, "Folic acid 5mg tablets", "One to be taken once a week, not on the day of methotrexate", "4")}},
	{key: "reflux", code: "235595009", display: "Gastro-oesophageal reflux disease", text: "Acid reflux", men: []float64{20, 0.8, 40, 4, 60, 8.5, 80, 10}, women: []float64{20, 0.8, 40, 4, 60, 9.5, 80, 12},
		medicines: []medicine{capsules(0.55, "Omeprazole 20mg gastro-resistant capsules", oneADay, "28"), capsules(0.35, "Lansoprazole 15mg gastro-resistant capsules", oneADay, "28")}},
	{key: "migraine", code: "37796009", display: "Migraine", text: "Migraine", men: []float64{8, 0.5, 25, 3.2, 50, 3.6, 80, 2}, women: []float64{8, 0.5, 18, 5, 30, 9, 50, 10, 80, 6},
		medicines: []medicine{tablets(0.4, "Sumatriptan 50mg tablets", "One to be taken as soon as possible after onset", "6")}},
	{key: "eczema", code: "43116000", display: "Eczema", text: "Eczema", men: []float64{0.5, 5, 2, 12, 10, 8, 20, 4, 80, 4}, women: []float64{0.5, 4, 2, 11, 10, 8, 20, 4.5, 80, 3.5},
		medicines: []medicine{doses(0.5, "Emollient cream", "To be applied liberally as often as needed"), doses(0.35, "Hydrocortisone 1% cream", "To be applied thinly once or twice a day")}},
	{key: "hayfever", code: "21719001", display: "Allergic rhinitis due to pollen", text: "Hay fever", men: []float64{4, 1, 10, 7, 20, 10, 45, 7, 80, 3}, women: []float64{4, 1, 10, 6, 20, 10, 45, 8, 80, 3},
		medicines: []medicine{tablets(0.3, "Cetirizine 10mg tablets", oneADay, "30")}},
	{key: "psoriasis", code: "9014002", display: "Psoriasis", text: "Psoriasis", men: []float64{8, 0.2, 20, 1.3, 50, 2.9, 80, 2.5}, women: []float64{8, 0.3, 20, 1.4, 50, 2.6, 80, 2.2},
		medicines: []medicine{doses(0.4, "Calcipotriol 0.005% / Betamethasone dipropionate 0.05% gel", "To be applied once a day")}},
	{key: "prostate", code: "266569009", display: "Benign prostatic hyperplasia", text: "Enlarged prostate", men: []float64{45, 0.3, 55, 3.5, 65, 10, 75, 18, 85, 23}, watch: "psa", clinic: "Urology",
		medicines: []medicine{capsules(0.7, "Tamsulosin 400microgram modified-release capsules", oneADay, "30"), tablets(0.3, "Finasteride 5mg tablets", oneADay, "28")}},
	{key: "prostatecancer", code: "399068003", display: "Malignant tumour of prostate", text: "Prostate cancer", men: []float64{50, 0.1, 60, 1.4, 70, 5.5, 80, 10, 90, 12}, watch: "psa", clinic: "Urology"},
	{key: "breastcancer", code: "254837009", display: "Malignant neoplasm of breast", text: "Breast cancer", women: []float64{30, 0.1, 45, 1.1, 55, 3, 65, 5.3, 75, 7.4, 85, 8}, clinic: "Oncology",
		medicines: []medicine{tablets(0.3, "Letrozole 2.5mg tablets", oneADay, "28"), tablets(0.15, "Tamoxifen 20mg tablets", oneADay, "30")}},
	{key: "coloncancer", code: "363406005", display: "Malignant neoplasm of colon", text: "Bowel cancer", men: []float64{45, 0.1, 60, 0.7, 75, 2.1, 85, 2.8}, women: []float64{45, 0.1, 60, 0.5, 75, 1.5, 85, 2.1}, watch: "fbc", clinic: "Oncology"},
	{key: "glaucoma", code: "23986001", display: "Glaucoma", text: "Glaucoma", men: []float64{40, 0.1, 55, 1, 65, 2.3, 75, 4.6, 85, 7.5}, women: []float64{40, 0.1, 55, 0.9, 65, 2.2, 75, 4.5, 85, 7.5}, clinic: "Ophthalmology",
		medicines: []medicine{doses(0.85, "Latanoprost 50micrograms/ml eye drops", "One drop in the affected eye at night")}},
	{key: "cataract", code: "193570009", display: "Cataract", text: "Cataract", men: []float64{55, 0.5, 65, 3.5, 75, 11, 85, 21}, women: []float64{55, 0.5, 65, 4.5, 75, 13.5, 85, 25}, clinic: "Ophthalmology",
		operation: &operation{0.55, "54885007", "Extraction of cataract", "Cataract operation", "Ophthalmology"}},
	{key: "gout", code: "90560007", display: "Gout", text: "Gout", men: []float64{30, 0.4, 45, 2.2, 60, 5.2, 80, 8}, women: []float64{50, 0.2, 65, 1.2, 85, 3}, watch: "urate ue",
		medicines: []medicine{tablets(0.6, "Allopurinol 100mg tablets", "Two to be taken each day", "56")}},
	{key: "ibs", code: "10743008", display: "Irritable bowel syndrome", text: "Irritable bowel syndrome", men: []float64{16, 0.7, 35, 2.6, 60, 2.5, 80, 1.8}, women: []float64{16, 2, 35, 6, 60, 6, 80, 4.5},
		medicines: []medicine{tablets(0.3, "Mebeverine 135mg tablets", "One to be taken three times a day before meals", "84")}},
	{key: "backpain", code: "279039007", display: "Low back pain", text: "Low back pain", men: []float64{18, 0.6, 35, 4, 50, 6, 80, 6}, women: []float64{18, 0.7, 35, 4.5, 50, 7, 80, 8},
		medicines: []medicine{tablets(0.25, "Co-codamol 30mg/500mg tablets", "One or two to be taken up to four times a day", "56")}},
	{key: "anaemia", code: "87522002", display: "Iron deficiency anaemia", text: "Iron deficiency anaemia", men: []float64{40, 0.2, 60, 1, 80, 4.5}, women: []float64{12, 0.6, 20, 3, 42, 5, 58, 2, 80, 6}, watch: "fbc ferritin",
		medicines: []medicine{tablets(0.65, "Ferrous fumarate 210mg tablets", oneADay, "28")}},
	{key: "pad", code: "399957001", display: "Peripheral arterial occlusive disease", text: "Peripheral arterial disease", men: []float64{50, 0.3, 62, 1.5, 75, 4, 85, 5.5}, women: []float64{50, 0.1, 65, 1, 75, 2.2, 85, 3.6}, likelier: bySmoking, watch: "lipids",
		medicines: []medicine{tablets(0.7, "Clopidogrel 75mg tablets", oneADay, "28"), tablets(0.7, "Atorvastatin 80mg tablets", oneADay, "28")}},
	{key: "schizophrenia", code: "58214004", display: "Schizophrenia", text: "Schizophrenia", men: []float64{17, 0.05, 28, 0.7, 45, 1, 80, 0.5}, women: []float64{17, 0.03, 30, 0.4, 50, 0.8, 80, 0.7}, watch: "bp weight hba1c lipids", clinic: "Psychiatry",
		medicines: []medicine{tablets(0.5, "Olanzapine 10mg tablets", "One to be taken at night", "28"), tablets(0.3, "Aripiprazole 10mg tablets", oneADay, "28")}},
	{key: "obesity", code: "414916001", display: "Obesity", text: "Obesity", men: []float64{18, 4, 30, 8, 50, 12, 70, 12, 85, 6}, women: []float64{18, 5, 30, 10, 50, 14, 70, 13, 85, 6}, watch: "weight hba1c",
		likelier: func(p *person) float64 {
			if p.bmi < 30 {
				return 0
			}
			return 3
		}},
}

// howCommon returns how likely the person is to have the problem at an age, from 0 to 1.
func (q *problem) howCommon(p *person, age float64) float64 {
	points := q.men
	if p.female {
		points = q.women
	}
	if points == nil || age < points[0]-8 {
		return 0
	}
	chance := curve(age, points...) / 100
	if q.likelier != nil {
		chance *= q.likelier(p)
	}
	if q.among == "" {
		chance *= p.luck
	}
	return min(chance, 0.9)
}
