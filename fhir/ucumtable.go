package fhir

// prefixes are the powers of ten; those of two (Ki, Mi, …) are marked by negative powers of two.
var prefixes = map[string]int16{
	"Q": 30, "R": 27, "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
	"d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24, "r": -27, "q": -30,
	"Ki": -10, "Mi": -20, "Gi": -30, "Ti": -40,
}

// arbitraryUnits measure something that converts to nothing else: procedure-defined amounts, and the logarithmic and
// slope units, which are compared within themselves only.
var arbitraryUnits = [...]string{
	"[iU]", "[arb'U]", "[USP'U]", "[GPL'U]", "[MPL'U]", "[APL'U]", "[beth'U]", "[anti'Xa'U]", "[todd'U]", "[dye'U]",
	"[smgy'U]", "[bdsk'U]", "[ka'U]", "[knk'U]", "[mclg'U]", "[tb'U]", "[CCID_50]", "[TCID_50]", "[EID_50]", "[PFU]",
	"[FFU]", "[CFU]", "[BAU]", "[AU]", "[Amb'a'1'U]", "[PNU]", "[Lf]", "[D'ag'U]", "[FEU]", "[ELU]", "[EU]", "[hnsf'U]",
	"[hp_X]", "[hp_C]", "[hp_M]", "[hp_Q]", "[kp_X]", "[kp_C]", "[kp_M]", "[kp_Q]", "[MET]", "[S]",
	"[hp'_X]", "[hp'_C]", "[hp'_M]", "[hp'_Q]", "[pH]", "Np", "B", "B[SPL]", "B[V]", "B[mV]", "B[uV]", "B[10.nV]", "B[W]", "B[kW]",
	"bit_s", "[p'diop]", "%[slope]", "[m/s2/Hz^0.5]",
}

// firstSpecial is how many of them, from the front, may be added up.
const firstSpecial = 42

const metricArbitrary = " [iU] [CFU] [PFU] [FFU] [CCID_50] [TCID_50] [EID_50] [hp_X] [hp_C] [hp_M] [hp_Q] [kp_X] [kp_C] [kp_M] [kp_Q] [BAU] [EU] Np B B[SPL] B[V] B[mV] B[uV] B[10.nV] B[W] B[kW] "

// unitDefinitions: name (with ":" where it takes prefixes), unit, factor, offset in base units. Facts of the UCUM
// essence. https://ucum.org/ucum
const unitDefinitions = `
10* 1 10
10^ 1 10
[pi] 1 3.14159265358979324
% 1 0.01
[ppth] 1 0.001
[ppm] 1 0.000001
[ppb] 1 0.000000001
[pptr] 1 0.000000000001
sr: rad2
Hz: s-1
L: m3 0.001
l: m3 0.001
t: g 1000000
u: g 1.6605402e-24
[amu]: g 1.6605402e-24
N: g.m/s2 1000
Pa: N/m2
J: N.m
W: J/s
A: C/s
V: J/C
F: C/V
Ohm: V/A
S: A/V
Wb: V.s
T: Wb/m2
H: Wb/A
lm: cd.sr
lx: lm/m2
Bq: s-1
Gy: J/kg
Sv: J/kg
kat: mol/s
Cel: K 1 273.15
[degF] K 5/9 2298.35/9
[degRe] K 5/4 273.15
[degR] K 5/9
min s 60
h min 60
d h 24
a_t d 365.24219
a_j d 365.25
a_g d 365.2425
a a_j
wk d 7
mo_s d 29.53059
mo_j a_j 1/12
mo_g a_g 1/12
mo mo_j
eq: mol
osm: mol
U: mol/min 0.000001
deg rad 0.0174532925199432958
' deg 1/60
'' ' 1/60
gon rad 0.0157079632679489662
ar: m2 100
har m2 10000
st: m3
g%: g/dL
bar: Pa 100000
atm Pa 101325
att Pa 98066.5
m[Hg]: Pa 133322
m[H2O]: Pa 9806.65
eV: J 1.60217733e-19
pc: m 30856780000000000
AU Mm 149597.870691
[ly]: m 9460730472580800
[c]: m/s 299792458
[h]: J.s 6.6260755e-34
[k]: J/K 1.380658e-23
[eps_0]: F/m 8.854187817e-12
[mu_0]: N/A2 0.00000125663706143591729
[e]: C 1.60217733e-19
[m_e]: g 9.1093897e-28
[m_p]: g 1.6726231e-24
[G]: m3.kg-1.s-2 6.67259e-11
[g]: m/s2 9.80665
gf: g.[g]
kgf kg.[g]
[in_i] cm 2.54
[ft_i] [in_i] 12
[yd_i] [ft_i] 3
[mi_i] [ft_i] 5280
[fth_i] [ft_i] 6
[nmi_i] m 1852
[kn_i] [nmi_i]/h
[sin_i] [in_i]2
[sft_i] [ft_i]2
[syd_i] [yd_i]2
[cin_i] [in_i]3
[cft_i] [ft_i]3
[cyd_i] [yd_i]3
[bf_i] [in_i]3 144
[cr_i] [ft_i]3 128
[mil_i] [in_i] 0.001
[cml_i] m2 0.000000000506707479097497752
[hd_i] [in_i] 4
[ft_us] m 1200/3937
[yd_us] [ft_us] 3
[in_us] [ft_us] 1/12
[rd_us] [ft_us] 16.5
[ch_us] [rd_us] 4
[lk_us] [ch_us] 0.01
[rch_us] [ft_us] 100
[rlk_us] [rch_us] 0.01
[fth_us] [ft_us] 6
[fur_us] [rd_us] 40
[mi_us] [fur_us] 8
[acr_us] [rd_us]2 160
[srd_us] [rd_us]2
[smi_us] [mi_us]2
[sct] [mi_us]2
[twp] [sct] 36
[mil_us] [in_us] 0.001
[in_br] cm 2.539998
[ft_br] [in_br] 12
[rd_br] [ft_br] 16.5
[ch_br] [rd_br] 4
[lk_br] [ch_br] 0.01
[fth_br] [ft_br] 6
[pc_br] [ft_br] 2.5
[yd_br] [ft_br] 3
[mi_br] [ft_br] 5280
[nmi_br] [ft_br] 6080
[kn_br] [nmi_br]/h
[acr_br] [yd_br]2 4840
[gal_us] [in_i]3 231
[bbl_us] [gal_us] 42
[qt_us] [gal_us] 1/4
[pt_us] [qt_us] 1/2
[gil_us] [pt_us] 1/4
[foz_us] [gil_us] 1/4
[fdr_us] [foz_us] 1/8
[min_us] [fdr_us] 1/60
[crd_us] [ft_i]3 128
[bu_us] [in_i]3 2150.42
[gal_wi] [bu_us] 1/8
[pk_us] [bu_us] 1/4
[dqt_us] [pk_us] 1/8
[dpt_us] [dqt_us] 1/2
[tbs_us] [foz_us] 1/2
[tsp_us] [tbs_us] 1/3
[cup_us] [tbs_us] 16
[foz_m] mL 30
[cup_m] mL 240
[tsp_m] mL 5
[tbs_m] mL 15
[gal_br] L 4.54609
[pk_br] [gal_br] 2
[bu_br] [pk_br] 4
[qt_br] [gal_br] 1/4
[pt_br] [qt_br] 1/2
[gil_br] [pt_br] 1/4
[foz_br] [gil_br] 1/32
[fdr_br] [foz_br] 1/8
[min_br] [fdr_br] 1/60
[gr] mg 64.79891
[lb_av] [gr] 7000
[oz_av] [lb_av] 1/16
[dr_av] [oz_av] 1/16
[scwt_av] [lb_av] 100
[lcwt_av] [lb_av] 112
[ston_av] [scwt_av] 20
[lton_av] [lcwt_av] 20
[stone_av] [lb_av] 14
[pwt_tr] [gr] 24
[oz_tr] [pwt_tr] 20
[lb_tr] [oz_tr] 12
[sc_ap] [gr] 20
[dr_ap] [sc_ap] 3
[oz_ap] [dr_ap] 8
[lb_ap] [oz_ap] 12
[oz_m] g 28
[lbf_av] [lb_av].[g]
[psi] [lbf_av]/[in_i]2
[lne] [in_i] 1/12
[pnt] [lne] 1/6
[pca] [pnt] 12
[pnt_pr] [in_i] 0.013837
[pca_pr] [pnt_pr] 12
[in_i'Hg] m[Hg] 0.0254
[in_i'H2O] m[H2O] 0.0254
[PRU] mm[Hg].s/mL
[wood'U] mm[Hg].min/L
[diop] /m
[mesh_i] /[in_i]
[Ch] mm 1/3
[drp] mL 1/20
[HPF] 1
[LPF] 100
[IU]: [iU]
Ky: cm-1
Gal: cm/s2
dyn: g.cm/s2
erg: dyn.cm
P: dyn.s/cm2
Bi: A 10
St: cm2/s
Mx: Wb 1e-8
G: T 0.0001
Oe: A/m 79.5774715459476679
Gb: Oe.cm
sb: cd/cm2
Lmb: cd/cm2 0.318309886183790672
ph: lx 10000
Ci: Bq 37000000000
R: C/kg 0.000258
RAD: erg/g 100
REM: RAD
cal_[15] J 4.18580
cal_[20] J 4.18190
cal_m J 4.19002
cal_IT J 4.1868
cal_th J 4.184
cal: J 4.184
[Cal] kcal
[Btu_39] kJ 1.05967
[Btu_59] kJ 1.05480
[Btu_60] kJ 1.05468
[Btu_m] kJ 1.05587
[Btu_IT] kJ 1.05505585262
[Btu_th] kJ 1.054350
[Btu] [Btu_th]
[HP] [ft_i].[lbf_av]/s 550
tex: g/km
[den] g/km 1/9
[smoot] [in_i] 67
Ao nm 0.1
b fm2 100
mho: S
circ rad 6.28318530717958648
sph sr 12.5663706143591730
[car_m] g 0.2
[car_Au] 1 1/24
bit: 1
By: bit 8
Bd: s-1
`
