package town

// illness is something that comes and goes: seen once, at the practice or in A&E.
type illness struct {
	code, display, text string
	ages                []float64 // how likely beside the others, by age
	medicines           []medicine
	panel               string
	away                bool // seen in A&E
	admit               bool // and kept in
}

func antibiotic(chance float64, name, dose, n string, penicillin bool) medicine {
	m := capsules(chance, name, dose, n)
	m.penicillin = penicillin
	return m
}

var amoxicillin = antibiotic(0.45, "Amoxicillin 500mg capsules", "One to be taken three times a day", "15", true)

// insteadOfPenicillin is what people allergic to it are given.
var insteadOfPenicillin = tablets(0, "Clarithromycin 500mg tablets", "One to be taken twice a day", "10")

var illnesses = []illness{
	{code: "54150009", display: "Upper respiratory infection", text: "Cough and cold", ages: []float64{0, 20, 5, 14, 15, 5, 40, 5, 80, 5}, panel: "fever"},
	{code: "65363002", display: "Otitis media", text: "Ear infection", ages: []float64{0, 10, 4, 12, 9, 5, 16, 1, 80, 0.5}, panel: "fever",
		medicines: []medicine{antibiotic(0.5, "Amoxicillin 250mg/5ml oral suspension", "5ml to be taken three times a day", "100", true)}},
	{code: "90176007", display: "Tonsillitis", text: "Tonsillitis", ages: []float64{1, 3, 6, 8, 18, 5, 30, 3, 50, 0.6, 80, 0.2}, panel: "fever",
		medicines: []medicine{{chance: 0.6, name: "Phenoxymethylpenicillin 250mg tablets", dose: "Two to be taken four times a day", quantity: "40", unit: "tablet", penicillin: true}}},
	{code: "38907003", display: "Varicella", text: "Chickenpox", ages: []float64{0.5, 3, 3, 6, 8, 2, 15, 0.2, 40, 0.05}},
	{code: "25374005", display: "Gastroenteritis", text: "Gastroenteritis", ages: []float64{0, 8, 5, 4, 20, 3, 80, 2.5}},
	{code: "9826008", display: "Conjunctivitis", text: "Conjunctivitis", ages: []float64{0, 6, 5, 4, 20, 2, 80, 2},
		medicines: []medicine{doses(0.5, "Chloramphenicol 0.5% eye drops", "One drop in the affected eye every two hours, then four times a day")}},
	{code: "48277006", display: "Impetigo", text: "Impetigo", ages: []float64{1, 2, 6, 3, 14, 1, 30, 0.3}, medicines: []medicine{doses(0.8, "Fusidic acid 2% cream", "To be applied three times a day")}},
	{code: "10509002", display: "Acute bronchitis", text: "Chest infection", ages: []float64{0, 2, 20, 3, 50, 6, 80, 11}, panel: "fever", medicines: []medicine{amoxicillin}},
	{code: "444814009", display: "Viral sinusitis", text: "Sinusitis", ages: []float64{10, 0.5, 25, 4, 60, 3, 80, 1.5}},
	{code: "38822007", display: "Cystitis", text: "Urine infection", ages: []float64{3, 1, 18, 3, 50, 4, 80, 9},
		medicines: []medicine{capsules(0.75, "Nitrofurantoin 100mg modified-release capsules", oneADayTwice, "6")}},
	{code: "40275004", display: "Contact dermatitis", text: "Rash", ages: []float64{0, 4, 20, 4, 80, 4}, medicines: []medicine{doses(0.6, "Hydrocortisone 1% cream", "To be applied thinly once or twice a day")}},
	{code: "30989003", display: "Knee pain", text: "Knee pain", ages: []float64{12, 0.5, 25, 3, 60, 7, 80, 7}},
	{code: "279039007", display: "Low back pain", text: "Back pain", ages: []float64{15, 0.5, 25, 5, 50, 8, 80, 5}, medicines: []medicine{tablets(0.3, "Naproxen 250mg tablets", "One to be taken twice a day with food", "28")}},
	{code: "25064002", display: "Headache", text: "Headache", ages: []float64{8, 1, 20, 4, 45, 4, 80, 2}},
	{code: "84229001", display: "Fatigue", text: "Tired all the time", ages: []float64{14, 1, 25, 4, 50, 5, 80, 4}, panel: "fbc"},
	{code: "193462001", display: "Insomnia", text: "Poor sleep", ages: []float64{18, 1, 40, 4, 80, 3}},
	{code: "404640003", display: "Dizziness", text: "Dizziness", ages: []float64{18, 0.6, 50, 2, 85, 7}, panel: "bp"},
	{code: "14760008", display: "Constipation", text: "Constipation", ages: []float64{1, 4, 6, 3, 20, 1, 60, 2, 85, 6},
		medicines: []medicine{doses(0.8, "Macrogol compound oral powder sachets", "One or two sachets to be taken each day")}},
	{code: "44465007", display: "Sprain of ankle", text: "Sprained ankle", ages: []float64{6, 1, 18, 6, 45, 3, 80, 0.8}, away: true},
	{code: "70704007", display: "Sprain of wrist", text: "Sprained wrist", ages: []float64{5, 2, 15, 3, 50, 1.5, 80, 1}, away: true},
	{code: "284549007", display: "Laceration of hand", text: "Cut hand", ages: []float64{3, 2, 25, 4, 60, 2, 80, 1}, away: true},
	{code: "65966004", display: "Fracture of forearm", text: "Broken forearm", ages: []float64{2, 1, 9, 4, 18, 1, 50, 1, 75, 3}, away: true},
	{code: "62106007", display: "Concussion with no loss of consciousness", text: "Head injury", ages: []float64{1, 4, 10, 2, 25, 1, 60, 0.6, 85, 3}, away: true},
	{code: "29857009", display: "Chest pain", text: "Chest pain", ages: []float64{25, 0.7, 45, 3, 65, 5, 85, 6}, away: true, panel: "bp"},
	{code: "21522001", display: "Abdominal pain", text: "Tummy pain", ages: []float64{4, 2, 25, 3, 80, 2}, away: true, panel: "crp"},
	{code: "233604007", display: "Pneumonia", text: "Pneumonia", ages: []float64{0, 0.4, 40, 0.3, 65, 1.2, 85, 5}, away: true, admit: true, panel: "crp",
		medicines: []medicine{{chance: 1, name: "Amoxicillin 500mg capsules", dose: "Two to be taken three times a day", quantity: "30", unit: "capsule", penicillin: true}}},
}

const oneADayTwice = "One to be taken twice a day for three days"

// often is how many such illnesses a year bring someone to the practice or A&E.
func often(age float64) float64 {
	return curve(age, 0, 3.2, 2, 2.6, 5, 1.3, 12, 0.8, 25, 0.9, 50, 1.1, 65, 1.4, 80, 1.9)
}

// allergy is what someone must not be given or meet.
type allergy struct {
	chance              float64
	code, display, text string
	category            string
	reaction, rCode     string
	severe              float64 // how often it is dangerous
}

var allergies = []allergy{
	{0.06, "91936005", "Allergy to penicillin", "Penicillin", "medication", "Eruption of skin", "271807003", 0.12},
	{0.008, "293586001", "Aspirin allergy", "Aspirin", "medication", "Wheezing", "56018004", 0.2},
	{0.01, "91935009", "Allergy to peanuts", "Peanuts", "food", "Anaphylaxis", "39579001", 0.6},
	{0.006, "91934008", "Allergy to nut", "Nuts", "food", "Anaphylaxis", "39579001", 0.5},
	{0.006, "425525006", "Allergy to dairy product", "Dairy products", "food", "Eruption of skin", "271807003", 0.05},
	{0.006, "300913006", "Shellfish allergy", "Shellfish", "food", "Eruption of skin", "271807003", 0.25},
	{0.005, "300916003", "Allergy to latex", "Latex", "environment", "Eruption of skin", "271807003", 0.1},
	{0.012, "232350006", "House dust mite allergy", "House dust mite", "environment", "Wheezing", "56018004", 0},
}

// vaccine is one of the schedule of England, by the age at which it is due.
type vaccine struct {
	age     float64 // when it is due, in years
	name    string
	against []disease
	dose    int
	from    int  // the first year it was offered
	women   bool // girls alone, before 2019
	uptake  float64
}

type disease struct{ code, display string }

var (
	influenza    = disease{"6142004", "Influenza"}
	covid        = disease{"840539006", "COVID-19"}
	pneumococcus = disease{"16814004", "Pneumococcal infectious disease"}
	shingles     = disease{"4740000", "Herpes zoster"}
	measles      = disease{"14189004", "Measles"}
	mumps        = disease{"36989005", "Mumps"}
	rubella      = disease{"36653000", "Rubella"}
	diphtheria   = disease{"397430003", "Diphtheria caused by Corynebacterium diphtheriae"}
	tetanus      = disease{"76902006", "Tetanus"}
	pertussis    = disease{"27836007", "Pertussis"}
	polio        = disease{"398102009", "Acute poliomyelitis"}
	meningitis   = disease{"23511006", "Meningococcal infectious disease"}
	papilloma    = disease{"240532009", "Human papillomavirus infection"}
)

var schedule = []vaccine{
	{age: 8.0 / 52, name: "6-in-1 vaccine (DTaP/IPV/Hib/HepB)", against: []disease{diphtheria, tetanus, pertussis, polio}, dose: 1, from: 2017, uptake: 0.94},
	{age: 8.0 / 52, name: "Meningococcal B vaccine", against: []disease{meningitis}, dose: 1, from: 2015, uptake: 0.94},
	{age: 12.0 / 52, name: "6-in-1 vaccine (DTaP/IPV/Hib/HepB)", against: []disease{diphtheria, tetanus, pertussis, polio}, dose: 2, from: 2017, uptake: 0.93},
	{age: 12.0 / 52, name: "Pneumococcal conjugate vaccine", against: []disease{pneumococcus}, dose: 1, from: 2006, uptake: 0.93},
	{age: 16.0 / 52, name: "6-in-1 vaccine (DTaP/IPV/Hib/HepB)", against: []disease{diphtheria, tetanus, pertussis, polio}, dose: 3, from: 2017, uptake: 0.92},
	{age: 1.02, name: "MMR vaccine", against: []disease{measles, mumps, rubella}, dose: 1, from: 1989, uptake: 0.91},
	{age: 1.02, name: "Pneumococcal conjugate vaccine", against: []disease{pneumococcus}, dose: 2, from: 2006, uptake: 0.9},
	{age: 3.4, name: "MMR vaccine", against: []disease{measles, mumps, rubella}, dose: 2, from: 1996, uptake: 0.85},
	{age: 3.4, name: "4-in-1 pre-school booster (DTaP/IPV)", against: []disease{diphtheria, tetanus, pertussis, polio}, dose: 4, from: 2001, uptake: 0.84},
	{age: 12.6, name: "HPV vaccine", against: []disease{papilloma}, dose: 1, from: 2008, women: true, uptake: 0.78},
	{age: 14.2, name: "3-in-1 teenage booster (Td/IPV)", against: []disease{diphtheria, tetanus, polio}, dose: 5, from: 1994, uptake: 0.76},
	{age: 14.2, name: "Meningococcal ACWY vaccine", against: []disease{meningitis}, dose: 1, from: 2015, uptake: 0.75},
	{age: 65.3, name: "Pneumococcal polysaccharide vaccine", against: []disease{pneumococcus}, dose: 1, from: 2003, uptake: 0.7},
	{age: 70.3, name: "Shingles vaccine", against: []disease{shingles}, dose: 1, from: 2013, uptake: 0.6},
}
