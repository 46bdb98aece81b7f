package match

import "strings"

// withinOne reports whether one insertion, deletion, change or exchange of neighbours makes a into b. (Damerau 1964)
func withinOne(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) {
		return true
	}
	if a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// winkler is the similarity of Jaro and Winkler (1990), 0 to 1, over bytes; what is beyond 64 bytes is not looked at.
func winkler(a, b string) float64 {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	if a > b {
		a, b = b, a // the greedy assignment below is not symmetric; the answer must be
	}
	window := max(max(len(a), len(b))/2-1, 0)
	var usedA, usedB uint64
	found := 0
	for i := range len(a) {
		for j := max(0, i-window); j < min(len(b), i+window+1); j++ {
			if usedB&(1<<j) == 0 && a[i] == b[j] {
				usedA |= 1 << i
				usedB |= 1 << j
				found++
				break
			}
		}
	}
	if found == 0 {
		return 0
	}
	crossed, j := 0, 0
	for i := range len(a) {
		if usedA&(1<<i) == 0 {
			continue
		}
		for usedB&(1<<j) == 0 {
			j++
		}
		if a[i] != b[j] {
			crossed++
		}
		j++
	}
	n := float64(found)
	jaro := (n/float64(len(a)) + n/float64(len(b)) + (n-float64(crossed/2))/n) / 3
	prefix := 0
	for prefix < min(4, len(a), len(b)) && a[prefix] == b[prefix] {
		prefix++
	}
	return jaro + float64(prefix)*0.1*(1-jaro)
}

// soundex codes a folded name as American Soundex does, in four bytes; 0 for a name without a Latin letter.
func soundex(name string) uint32 {
	const codes = "01230120022455012623010202" // a to z
	var out [4]byte
	n, last := 0, byte(0)
	for i := range len(name) {
		c := name[i]
		if c < 'a' || c > 'z' {
			continue
		}
		code := codes[c-'a']
		switch {
		case n == 0:
			out[0] = c
			n = 1
		case code != '0' && code != last:
			out[n] = code
			n++
		}
		if c != 'h' && c != 'w' {
			last = code
		}
		if n == 4 {
			break
		}
	}
	return uint32(out[0])<<24 | uint32(out[1])<<16 | uint32(out[2])<<8 | uint32(out[3])
}

// shortForms are English forenames people use for one another; each line is one group.
const shortForms = `alexander alex al sandy lex xander sasha
alexandra alex sandra lexi sandy sasha
albert bert al bertie
alfred alf alfie fred
alison ali ally
amanda mandy
andrew andy drew
angela angie
ann anne anna annie nan nancy
anthony tony ant antony
arthur art
barbara barb babs
benjamin ben benny benji
bernard bernie
beverley bev
bridget biddy bridie
cameron cam
caroline carol carrie caro
catherine katherine kathryn kate katie cathy kathy kay kitty cath kath katy
charles charlie chuck chas
charlotte charlie lottie
christine chris tina chrissie christina
christopher chris kit topher
clifford cliff
constance connie
daniel dan danny
david dave davy davie
deborah debbie deb debra
dennis den denis
derek del
dominic dom
donald don donny
dorothy dot dottie dolly
douglas doug dougie
edward ed eddie ted teddy ned
eleanor ellie nell nora elle
elizabeth liz beth betty lizzie eliza libby elsie bess bessie lisa betsy
emily em emmy millie
eric rick
eugene gene
florence flo florrie flossie
frances fran frankie
francis frank frankie fran
frederick fred freddie freddy
gareth gary gaz
gabriel gabe
geoffrey geoff jeff jeffrey
george georgie
gerald gerry jerry ger
gillian gill jill
gordon gord
graham gray
gregory greg
gwendoline gwen
harold harry hal
harriet hattie
henry harry hal hank
hilda hildy
hugh hughie
isaac ike zac
isabella bella isabel izzy bel isobel isabelle
jacqueline jackie jacqui
jacob jake
james jim jimmy jamie jem
jane janey
janet jan
jennifer jen jenny
jeremy jerry jez
jessica jess jessie
joan joanie
joanne jo joanna
john jack johnny jon
jonathan jon jonny
joseph joe joey
joshua josh
judith judy jude
julian jules
katarzyna kasia
kenneth ken kenny
kimberley kim
lachlan lachie
lawrence larry laurence laurie
leonard len lenny leo
leslie les
lewis lou louis louie
lillian lily lil lilian
louise lou
lucy lu lucinda
magdalena magda
malcolm mal
margaret maggie meg peggy margie marge rita madge greta
maria marie mary
martin marty
mary molly polly may
matilda tilly mattie
matthew matt mat
maureen mo
maxwell max
michael mike mick mickey micky
michelle shell chelle
mitchell mitch
mohammed muhammad mohamed mohammad mohd muhammed mo
natalie nat
nathan nathaniel nat nate
neil niall
nicholas nick nicky nico
nicola nicky nikki
norman norm
oliver ollie olly
olivia liv livvy
pamela pam
patricia pat patsy tricia trish paddy
patrick pat paddy rick
penelope penny
peter pete
philip phil phillip pip
philippa pippa pip
raymond ray
rebecca becky becca
reginald reg reggie
richard rick dick rich richie ricky
robert rob bob bobby robbie bert
roger rodge
ronald ron ronnie
rosemary rose rosie
russell russ
samantha sam sammy
samuel sam sammy
sarah sally sara
sheila shelagh
simon si
sophie sophia
stanley stan
stephen steve steven stevie
stuart stewart stu
susan sue susie suzanne suzie
sylvia syl
terence terry
theodore theo ted teddy
theresa tess tessa terri
thomas tom tommy
timothy tim timmy
tobias toby
victor vic
victoria vicky vicki tori
vincent vince vinny
virginia ginny
walter wally walt
wendy wen
wilfred wilf fred
william will bill billy willy liam wills
winifred win winnie
yvonne eve
zachary zac zach zack`

// nicknames gives each forename the groups it stands in.
func nicknames() map[string][]uint16 {
	in := map[string][]uint16{}
	for i, line := range strings.Split(shortForms, "\n") {
		for _, name := range strings.Fields(line) {
			in[name] = append(in[name], uint16(i))
		}
	}
	return in
}
