package town

// complaint is what a practice refers someone for, and what the hospital may do about it.
type complaint struct {
	specialty           string
	referral            string // the practice's code
	code, display, text string
	ages                []float64  // how likely beside the others, by age
	women, men          bool       // of one sex alone
	slow                float64    // how long people wait beside others
	admitted            float64    // how many end in an operation
	operation           *operation // nil where it is done in the clinic
	nights              int        // after it, none for a day case
}

// operations that people wait for beside those of problems.
var (
	knee        = &operation{code: "609588000", display: "Total replacement of knee joint", text: "Knee replacement", specialty: "Orthopaedics"}
	hip         = &operation{code: "52734007", display: "Total replacement of hip", text: "Hip replacement", specialty: "Orthopaedics"}
	lens        = &operation{code: "54885007", display: "Extraction of cataract", text: "Cataract operation", specialty: "Ophthalmology"}
	hernia      = &operation{code: "44946007", display: "Repair of inguinal hernia", text: "Hernia repair", specialty: "General surgery"}
	gallbladder = &operation{code: "38102005", display: "Cholecystectomy", text: "Gallbladder removed", specialty: "General surgery"}
	tonsils     = &operation{code: "173422009", display: "Tonsillectomy", text: "Tonsils removed", specialty: "Ear, nose and throat"}
	womb        = &operation{code: "236886002", display: "Hysterectomy", text: "Hysterectomy", specialty: "Gynaecology"}
	prostateCut = &operation{code: "90199006", display: "Transurethral prostatectomy", text: "Prostate operation", specialty: "Urology"}
	heartStent  = &operation{code: "36969009", display: "Placement of stent in coronary artery", text: "Coronary stent", specialty: "Cardiology"}
)

// complaints are shared among specialties about as England's waiting list is: orthopaedics, ophthalmology, ear, nose and throat and gynaecology
// lead it, and they, general surgery and urology are slowest. NHS England, Consultant-led Referral to Treatment Waiting Times, 2025.
var complaints = []complaint{
	{specialty: "Orthopaedics", referral: "183542009", code: "30989003", display: "Knee pain", text: "Knee pain",
		ages: []float64{12, 1, 30, 4, 60, 7, 85, 5}, slow: 1.1, admitted: 0.3, operation: knee, nights: 3},
	{specialty: "Orthopaedics", referral: "183542009", code: "49218002", display: "Hip pain", text: "Hip pain",
		ages: []float64{20, 0.3, 50, 3, 75, 6, 90, 3}, slow: 1.15, admitted: 0.4, operation: hip, nights: 3},
	{specialty: "Ophthalmology", referral: "183548008", code: "193570009", display: "Cataract", text: "Cataract",
		ages: []float64{50, 0.3, 65, 6, 80, 16, 90, 10}, slow: 0.95, admitted: 0.7, operation: lens},
	{specialty: "Ophthalmology", referral: "183548008", code: "23986001", display: "Glaucoma", text: "Raised pressure in the eye",
		ages: []float64{35, 0.5, 60, 3, 85, 4}, slow: 0.95},
	{specialty: "Ear, nose and throat", referral: "183543004", code: "90176007", display: "Tonsillitis", text: "Tonsillitis again and again",
		ages: []float64{2, 7, 8, 6, 20, 3, 35, 0.8, 60, 0.1}, slow: 1.15, admitted: 0.45, operation: tonsils},
	{specialty: "Ear, nose and throat", referral: "183543004", code: "15188001", display: "Hearing loss", text: "Hearing loss",
		ages: []float64{1, 7, 8, 4, 30, 0.8, 60, 3, 80, 4.5}, slow: 1.05},
	{specialty: "Ear, nose and throat", referral: "183543004", code: "40055000", display: "Chronic sinusitis", text: "Blocked nose for months",
		ages: []float64{12, 1, 30, 3, 60, 2, 80, 1}, slow: 1.15},
	{specialty: "Gynaecology", referral: "183549000", code: "386692008", display: "Menorrhagia", text: "Heavy periods",
		ages: []float64{14, 2, 25, 7, 45, 17, 53, 6, 58, 0.1}, women: true, slow: 1.15, admitted: 0.25, operation: womb, nights: 2},
	{specialty: "Gynaecology", referral: "183549000", code: "30473006", display: "Pain in pelvis", text: "Pelvic pain",
		ages: []float64{15, 3, 30, 8, 50, 4, 75, 2}, women: true, slow: 1.15},
	{specialty: "Dermatology", referral: "183518005", code: "95324001", display: "Skin lesion", text: "Skin lesion",
		ages: []float64{10, 1, 40, 4, 65, 8, 85, 9}, slow: 0.9},
	{specialty: "Dermatology", referral: "183518005", code: "11381005", display: "Acne", text: "Acne",
		ages: []float64{12, 6, 18, 9, 30, 3, 45, 0.4}, slow: 1},
	{specialty: "General surgery", referral: "183521007", code: "396232000", display: "Inguinal hernia", text: "Hernia",
		ages: []float64{1, 0.5, 30, 1.5, 60, 4, 85, 3}, slow: 1.05, admitted: 0.7, operation: hernia},
	{specialty: "General surgery", referral: "183521007", code: "235919008", display: "Gallbladder calculus", text: "Gallstones",
		ages: []float64{20, 0.8, 45, 3, 70, 3.5}, slow: 1.1, admitted: 0.6, operation: gallbladder, nights: 1},
	{specialty: "Gastroenterology", referral: "306170007", code: "162031009", display: "Indigestion", text: "Indigestion that does not settle",
		ages: []float64{16, 1.5, 45, 4, 75, 5}, slow: 0.95},
	{specialty: "Urology", referral: "183523005", code: "266569009", display: "Benign prostatic hyperplasia", text: "Slow stream",
		ages: []float64{45, 0.3, 65, 8, 85, 11}, men: true, slow: 1.05, admitted: 0.2, operation: prostateCut, nights: 2},
	{specialty: "Urology", referral: "183523005", code: "34436003", display: "Haematuria", text: "Blood in the urine",
		ages: []float64{30, 0.6, 60, 3, 85, 5}, slow: 0.8},
	{specialty: "Cardiology", referral: "183519002", code: "80313002", display: "Palpitations", text: "Palpitations",
		ages: []float64{16, 1.5, 45, 3, 75, 5}, slow: 0.95},
	{specialty: "Cardiology", referral: "183519002", code: "29857009", display: "Chest pain", text: "Chest pain on exertion",
		ages: []float64{35, 0.3, 55, 3, 80, 5}, slow: 0.9, admitted: 0.15, operation: heartStent, nights: 1},
	{specialty: "Respiratory medicine", referral: "183525003", code: "267036007", display: "Dyspnoea", text: "Breathless",
		ages: []float64{5, 0.6, 40, 1.5, 70, 5}, slow: 0.95},
	{specialty: "Neurology", referral: "183522000", code: "25064002", display: "Headache", text: "Headaches",
		ages: []float64{10, 1.5, 30, 4, 60, 3}, slow: 1.1},
	{specialty: "Rheumatology", referral: "183524004", code: "57676002", display: "Joint pain", text: "Swollen joints",
		ages: []float64{18, 1, 45, 3.5, 75, 3.5}, slow: 1},
}

// refers is how many such referrals a year a person of an age has: about a third, as England's 20 million new pathways a year.
func refers(age float64) float64 {
	return curve(age, 0, 0.1, 10, 0.12, 18, 0.18, 30, 0.25, 45, 0.33, 60, 0.44, 75, 0.62, 90, 0.5)
}

// waits is a wait in weeks from referral to treatment by its rank: fitted so that, of those who wait on any day, half have waited less than about
// 13½ weeks, three in five no more than 18 and three in a hundred more than 52, as in England in 2025.
func waits(rank float64) float64 {
	return curve(rank, 0, 0.5, 0.1, 2, 0.25, 6, 0.4, 11.5, 0.5, 17, 0.65, 27, 0.8, 38, 0.9, 46, 0.97, 53, 0.99, 62, 1, 90)
}
