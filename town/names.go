package town

import "strings"

// ancestry is a group of the 2021 census of England with the names its people are likely to carry.
type ancestry struct {
	share   float64 // per cent of households
	code    string  // UKCore-EthnicCategoryEngland
	display string
	names   string  // whose names
	weight  float64 // how much likelier type 2 diabetes is
}

var ancestries = []ancestry{
	{74.0, "A", "White - British", "british", 1},
	{0.9, "B", "White - Irish", "irish", 1},
	{6.4, "C", "White - Any other White background", "polish", 1},
	{0.9, "D", "Mixed - White and Black Caribbean", "british", 1.3},
	{0.8, "F", "Mixed - White and Asian", "british", 1.4},
	{1.0, "G", "Mixed - Any other mixed background", "british", 1.2},
	{3.3, "H", "Asian or Asian British - Indian", "indian", 2.1},
	{2.6, "J", "Asian or Asian British - Pakistani", "muslim", 2.4},
	{1.0, "K", "Asian or Asian British - Bangladeshi", "muslim", 2.4},
	{1.6, "L", "Asian or Asian British - Any other Asian background", "indian", 1.8},
	{1.2, "M", "Black or Black British - Caribbean", "caribbean", 1.7},
	{2.6, "N", "Black or Black British - African", "african", 1.7},
	{0.8, "R", "Other Ethnic Groups - Chinese", "chinese", 1.3},
	{1.9, "S", "Other Ethnic Groups - Any other ethnic group", "muslim", 1.5},
	{1.0, "Z", "Not stated", "british", 1},
}

// given are first names of women and of men; British ones change with the decades.
type given struct{ women, men []string }

func words(s string) []string { return strings.Fields(s) }

var (
	oldBritish = given{
		words("Margaret Jean Dorothy Joan Barbara Sheila Patricia Doreen Beryl Audrey Maureen Brenda Shirley Eileen Pamela Hilda Joyce Marjorie Rita Mavis Sylvia Norma Betty Kathleen Vera"),
		words("John Ronald Kenneth Peter Derek Dennis Raymond Brian Roy Norman Gordon Leonard Stanley Frank Harold Arthur Albert Eric Alan Donald Ernest Cyril Geoffrey Douglas Walter"),
	}
	middleBritish = given{
		words("Susan Linda Christine Carol Jacqueline Julie Karen Deborah Tracey Jane Helen Diane Sharon Elaine Gillian Lesley Wendy Janet Alison Angela Beverley Denise Lorraine Sally Judith"),
		words("David Michael Stephen Paul Andrew Ian Mark Robert Keith Graham Kevin Nigel Philip Trevor Martin Neil Colin Barry Gary Simon Clive Adrian Roger Malcolm Russell"),
	}
	laterBritish = given{
		words("Sarah Claire Emma Nicola Lisa Rebecca Laura Gemma Kelly Victoria Katie Rachel Amy Louise Hannah Jennifer Stacey Natalie Kerry Lauren Charlotte Zoe Samantha Leanne Holly"),
		words("Christopher James Matthew Daniel Richard Lee Darren Jason Stuart Craig Thomas Adam Benjamin Luke Ryan Gareth Jonathan Ashley Scott Dean Carl Marc Wayne Joseph Robin"),
	}
	youngBritish = given{
		words("Olivia Amelia Isla Ava Lily Freya Poppy Evie Grace Ella Chloe Jessica Megan Ruby Millie Daisy Phoebe Florence Willow Matilda Erin Molly Elsie Ivy Bethany"),
		words("Oliver Jack Harry George Noah Charlie Jacob Alfie Freddie Oscar Leo Archie Ethan Joshua Max Theo Finley Callum Connor Jake Lewis Toby Elliot Reuben Tyler"),
	}
	firsts = map[string]given{
		"irish":     {words("Siobhan Aoife Niamh Bridget Maeve Orla Sinead Ciara Noreen Deirdre"), words("Patrick Sean Liam Declan Brendan Eamon Cormac Padraig Fergal Conor")},
		"polish":    {words("Agnieszka Katarzyna Magdalena Ewa Monika Zofia Elena Ioana Beata Danuta"), words("Piotr Tomasz Marcin Andrzej Pawel Jakub Andrei Mihai Krzysztof Grzegorz")},
		"indian":    {words("Priya Meera Anjali Sunita Kavita Harpreet Lakshmi Nisha Deepa Jasmin Asha Rekha"), words("Rajesh Amit Sanjay Vikram Harjit Suresh Arjun Ravi Manoj Gurpreet Anil Rohan")},
		"muslim":    {words("Fatima Aisha Zainab Nadia Shazia Rukhsana Amina Maryam Samina Hafsa Yasmin Salma"), words("Mohammed Imran Tariq Yusuf Bilal Hassan Kamran Abdul Faisal Omar Ibrahim Rashid")},
		"caribbean": {words("Beverley Sonia Marcia Yvonne Jasmine Althea Shanice Delroya Paulette Merlene"), words("Winston Delroy Errol Leroy Marlon Desmond Clifton Jermaine Neville Tyrone")},
		"african":   {words("Ngozi Chioma Adaeze Folake Abena Efua Amara Zainabu Temitope Grace"), words("Chidi Emeka Olumide Kwame Kofi Tunde Babatunde Femi Samuel Emmanuel")},
		"chinese":   {words("Mei Li-Na Xiu Hui Yan Ling Jia Wen Fang Ying"), words("Wei Jun Ming Chen Hao Jian Lei Kai Feng Tao")},
	}
	families = map[string][]string{
		"british": words("Ashdown Barrow Birtles Blakeway Brindley Broadhurst Burrows Calloway Chadwick Clewes Copley Crabtree Dunmore Eastwood Ellwood Fairclough Fenwick Garside Goodall Greaves " +
			"Hadley Halliwell Harcourt Hathersage Heywood Hollis Ibbotson Jessop Kettle Kirkbride Langley Leadbetter Lockwood Marsden Mellor Midgley Naylor Norcross Oldroyd Ormerod " +
			"Padgett Penrose Pickles Plumley Quarmby Radcliffe Rigby Rowbottom Sandham Scholes Shawcross Sidebottom Stott Sutcliffe Tattersall Thackray Tillotson Unsworth Varley Wainwright " +
			"Walmsley Whiteley Widdop Winterbottom Wolstenholme Woodhead Wragg Yardley Yeadon Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White Roberts Green Hall Wood Jackson Clarke"),
		"irish":     words("Brennan Carmody Doyle Fitzgerald Gallagher Keane Lacey Mulcahy Quigley Tierney O'Dowd O'Hare"),
		"polish":    words("Nowak Kowalczyk Wojcik Zielinski Lewandowski Mazur Popescu Ionescu Dumitru Kaminski Pawlak Sobczak"),
		"indian":    words("Patel Shah Singh Kaur Sharma Mehta Desai Nair Reddy Gill Bhatt Iyer"),
		"muslim":    words("Khan Ahmed Hussain Begum Ali Malik Chowdhury Rahman Iqbal Siddiqui Mahmood Uddin"),
		"caribbean": words("Campbell Grant Morrison Bailey Gayle Francis Lindo McKenzie Barrett Bogle Pinnock Clarke"),
		"african":   words("Okafor Adeyemi Mensah Boateng Nwosu Adebayo Owusu Eze Kamara Balogun Asante Ogunleye"),
		"chinese":   words("Chan Wong Li Zhang Lau Cheung Ng Ho Liu Tang"),
	}
)

// first returns a first name for someone born in a year.
func first(d dice, names string, female bool, born int) string {
	set, ok := firsts[names]
	if !ok {
		switch {
		case born < 1950:
			set = oldBritish
		case born < 1973:
			set = middleBritish
		case born < 1997:
			set = laterBritish
		default:
			set = youngBritish
		}
	}
	if female {
		return pick(d, set.women)
	}
	return pick(d, set.men)
}

func family(d dice, names string) string { return pick(d, families[names]) }

// streets of Merrowby; the first fifth belong to the first practice, and so on.
var streets = []string{
	"Mill Lane", "Church Street", "Weir Road", "Tanner's Row", "Priory Close", "Orchard Way", "Albert Terrace", "Station Road",
	"Canal Street", "Foundry Lane", "Holme Rise", "Meadow Bank", "Beck Side", "Quarry Hill", "Victoria Avenue", "Chapel Walk",
	"Hawthorn Drive", "Kingfisher Court", "Larch Grove", "Pasture Lane", "Ropewalk", "Saddler's Yard", "Thornfield Crescent", "Windmill View",
}
