package town

// codeTable is SNOMED CT | Read v2 or local | CTV3 | category | term. Kept as text so that a clinician can read it.
const codeTable = `
59621000|G20..|XE0Uc|C|Essential hypertension
44054006|C10F.|X40J5|C|Type 2 diabetes mellitus
46635009|C10E.|X40J4|C|Type 1 diabetes mellitus
195967001|H33..|H33..|C|Asthma
13645005|H3...|H3...|C|Chronic obstructive pulmonary disease
13644009|C320.|X40X4|C|Hypercholesterolaemia
414545008|G3...|XE2uV|C|Ischaemic heart disease
22298006|G30..|X200E|C|Myocardial infarction
49436004|G5730|X202R|C|Atrial fibrillation
84114007|G58..|G58..|C|Heart failure
433144002|1Z12.|XaLHI|C|Chronic kidney disease stage 3
230690007|G66..|X00D1|C|Stroke and cerebrovascular accident
35489007|E2B..|X00SO|C|Depressive disorder
197480006|E200.|X00RP|C|Anxiety disorder
40930008|C04..|X40IQ|C|Hypothyroidism
396275006|N05..|N05..|C|Osteoarthritis
64859006|N330.|Xa0AZ|C|Osteoporosis
84757009|F25..|F25..|C|Epilepsy
52448006|Eu02.|X002w|C|Dementia
69896004|N040.|X701h|C|Rheumatoid arthritis
235595009|J10y4|X3003|C|Gastro-oesophageal reflux disease
37796009|F26..|F26..|C|Migraine
43116000|M111.|X505K|C|Eczema
21719001|H170.|H170.|C|Allergic rhinitis due to pollen
9014002|M161.|X506Y|C|Psoriasis
266569009|K20..|XE0e6|C|Benign prostatic hyperplasia
399068003|B46..|X78Y6|C|Malignant tumour of prostate
254837009|B34..|X78aJ|C|Malignant neoplasm of breast
363406005|B13..|X78gN|C|Malignant neoplasm of colon
23986001|F45..|F45..|C|Glaucoma
193570009|F46..|F46..|C|Cataract
90560007|C34..|X40bR|C|Gout
10743008|J521.|X304X|C|Irritable bowel syndrome
279039007|16C5.|16C5.|S|Low back pain
87522002|D00..|X20A0|C|Iron deficiency anaemia
399957001|G73..|XE0VP|C|Peripheral arterial disease
58214004|E10..|X00S6|C|Schizophrenia
414916001|C380.|X40YQ|C|Obesity
54150009|H05z.|XE0X7|C|Upper respiratory infection
65363002|F52z.|X002t|C|Otitis media
90176007|H03..|X78YM|C|Tonsillitis
38907003|A52..|A52..|C|Chickenpox
25374005|A0812|X30BL|C|Gastroenteritis
9826008|F4C0.|XE17h|C|Conjunctivitis
48277006|M05..|M05..|C|Impetigo
10509002|H060.|XE0Xr|C|Acute bronchitis
444814009|H01..|X00li|C|Viral sinusitis
38822007|K15..|X30NX|C|Cystitis
40275004|M12..|X505F|C|Contact dermatitis
30989003|1M10.|XaI65|S|Knee pain
25064002|1B1G.|XM0CA|S|Headache
84229001|168..|X76Ab|S|Tired all the time
193462001|E274.|X007s|S|Insomnia
404640003|1491.|X76Aw|S|Dizziness
14760008|19C..|X30BC|S|Constipation
44465007|S550.|Xa0Bz|C|Sprain of ankle
70704007|S520.|X606Z|C|Sprain of wrist
284549007|S91..|Xa1fQ|C|Laceration of hand
65966004|S23..|S23..|C|Fracture of forearm
62106007|S60..|S60..|C|Concussion with no loss of consciousness
29857009|182..|XE1p4|S|Chest pain
21522001|1969.|XE1q4|S|Abdominal pain
233604007|H26..|X100E|C|Pneumonia
36969009|7928.|X00tU|D|Placement of stent in coronary artery
52734007|7K20.|X607U|D|Total replacement of hip
54885007|7263.|XE0Dk|D|Extraction of cataract
80146002|770..|X20Wz|D|Appendicectomy
91936005|14L1.|XaEDQ|L|Allergy to penicillin
293586001|14L2.|XaEDR|L|Aspirin allergy
91935009|SN58.|Xa5uz|L|Allergy to peanuts
91934008|SN59.|XaIRs|L|Allergy to nut
425525006|SN5A.|XaIRt|L|Allergy to dairy product
300913006|SN5B.|XaIRu|L|Shellfish allergy
300916003|14M5.|XaIRv|L|Allergy to latex
232350006|SN5C.|XaIRw|L|House dust mite allergy
716186003|1151.|1151.|L|No known allergies
27113001|22A..|X76C7|V|Body weight
50373000|229..|XM01E|V|Standing height
60621009|22K..|22K..|V|Body mass index
78564009|242..|X773s|V|Pulse rate
386725007|2E3..|XE1qR|V|Body temperature
103228002|2E8..|X770D|V|Oxygen saturation
18491006|339A.|XE2wr|V|Peak expiratory flow rate
75367002|246..|X773t|V|O/E - blood pressure reading
72313002|2469.|2469.|V|Systolic blood pressure
1091811000000102|246A.|246A.|V|Diastolic blood pressure
1000661000000107|44I5.|XE2q0|B|Serum sodium level
1000651000000109|44I4.|XE2pz|B|Serum potassium level
1000971000000107|44J9.|XM0lt|B|Serum urea level
1000731000000107|44J3.|XE2q5|B|Serum creatinine level
1011481000000105|451E.|XaK8y|B|Estimated glomerular filtration rate
999791000000106|42W5.|XaPbt|B|Haemoglobin A1c level (IFCC)
1005671000000105|44P..|XE2eD|B|Serum cholesterol level
1005681000000107|44P5.|44P5.|B|Serum HDL cholesterol level
1005691000000109|44Q..|XE2q9|B|Serum triglyceride level
1022431000000105|423..|Xa96v|H|Haemoglobin estimation
1022541000000102|42H..|XaIdY|H|Total white cell count
1022651000000100|42P..|Xa36l|H|Platelet count
1022491000000106|42A..|42A..|H|Mean corpuscular volume
1018251000000107|44G3.|XaLJx|B|Serum alanine aminotransferase level
1000621000000104|44F3.|XE2px|B|Serum alkaline phosphatase level
999691000000104|44E..|XaERu|B|Serum total bilirubin level
1000821000000103|44M4.|XE2eA|B|Serum albumin level
1022791000000101|442W.|XaELV|B|Serum TSH level
993381000000106|42R4.|XE24r|H|Serum ferritin level
1030791000000100|43Z2.|XE25C|B|Serum prostate specific antigen level
1001371000000100|44CS.|XE2dy|B|Serum C reactive protein level
1000481000000100|44K5.|XE2e0|B|Serum urate level
26604007|424..|424..|H|Full blood count
1031121000000106|44D6.|X772i|B|Liver function tests
1019991000000103|44JB.|XaDvZ|B|Renal function tests
401294003|4K22.|4K22.|M|Midstream urine sample culture
399208008|535..|535..|R|Plain chest X-ray
16310003|58D..|58D..|R|Diagnostic ultrasonography
119297000|4ML..|X79tz|X|Blood specimen
86198006|65E..|Xa9ZU|I|Influenza vaccination
1324681000000101|65F01|Y29e7|I|Administration of first dose of COVID-19 vaccine
1324691000000104|65F02|Y29e8|I|Administration of second dose of COVID-19 vaccine
1362591000000103|65F0A|Y2a0e|I|Administration of COVID-19 booster vaccine
38598009|65M1.|X74YF|I|MMR vaccination
1082441000000108|65MQ.|XaeAW|I|Hexavalent vaccination
720539004|657S.|XaZdp|I|Meningitis B vaccination
434751000124102|657K.|XaMhM|I|Pneumococcal conjugate vaccination
12866006|6572.|6572.|I|Pneumococcal polysaccharide vaccination
722215002|65FY.|XaZsM|I|Shingles vaccination
428570002|65FS.|XaR5d|I|HPV vaccination
414001002|65MK.|XaK44|I|Diphtheria, tetanus, pertussis and polio booster
866186002|65MD.|XaJx5|I|Tetanus, low-dose diphtheria and polio booster
871874000|657P.|XaZXn|I|Meningitis ACWY vaccination
266919005|1371.|XE0oh|O|Never smoked tobacco
8517006|137S.|Ub1na|O|Ex-smoker
77176002|137R.|137R.|O|Smoker
1082641000000106|136..|Ub173|O|Alcohol units consumed per week
228450008|138..|XaPPB|O|Exercise grading
160303001|1252.|1252.|F|Family history of diabetes mellitus
266897007|12C2.|XE0o3|F|Family history of ischaemic heart disease
160377001|12D2.|12D2.|F|Family history of asthma
429740004|1224.|Xa1mn|F|Family history of breast cancer
185317003|9N31.|9N31.|A|Telephone encounter
185349003|9N11.|XaIQr|A|Encounter for check up
308335008|9N...|XaBT3|A|Patient encounter procedure
25656009|67...|Ua173|A|Advice given
182836005|8BIF.|XaF8d|T|Medication review done
185268003|9b0o.|XaA3A|A|Letter from specialist
445450000|9b0A.|XaPtf|A|Report received
183616001|8H8..|8H8..|A|Follow-up arranged
281399006|9N42.|Xa1pB|A|Did not attend
714311000000108|9NgP.|XaXbY|A|On summary care record express consent
407612004|9RX..|XaKII|A|Online access to own health record agreed
170777000|66Y5.|XaIIX|T|Asthma annual review
170599006|66AS.|XaIIj|T|Diabetic annual review
170578008|662P.|XaIy8|T|Hypertension annual review
268527000|6A...|XaX3v|T|NHS health check
413844008|2G5..|2G5..|T|Diabetic foot examination
416075005|2G5d.|XaJN5|T|On examination - right diabetic foot at low risk
170744004|661M.|XaQUI|T|Care plan agreed
22631000000109|90hA.|XaZ28|T|Cervical smear invitation
171149006|6853.|X71bo|T|Cervical screening
268547008|6862.|6862.|T|Breast screening
49727002|171..|XE0qn|S|Cough
267036007|173..|XE0qq|S|Breathlessness
16001004|1C13.|XM05F|S|Earache
162397003|1CA2.|XE0rp|S|Pain in throat
271807003|1D13.|Xa1nR|S|Rash
422587007|198..|X75qY|S|Nausea
267102003|1922.|X76l4|S|Sore throat symptom
48694002|1466.|X761K|S|Feeling anxious
366979004|1BT..|XaB9J|S|Low mood
225444004|1BD4.|XaNl3|S|At risk of self harm
161891005|16C..|16C..|S|Backache
57676002|1M...|X75rr|S|Joint pain
162214009|R065.|X75vM|S|Oedema of ankle
183519002|8H44.|8H44.|P|Referral to cardiology service
183521007|8H4B.|8H4B.|P|Referral to general surgery
183542009|8H54.|8H54.|P|Referral to orthopaedic service
183543004|8H53.|8H53.|P|Referral to ear, nose and throat service
183548008|8H52.|8H52.|P|Referral to ophthalmology service
306170007|8H4R.|XaBTL|P|Referral to gastroenterology service
103696004|8H77.|XaBSn|P|Referral to physiotherapy service
415260000|8H7A.|XaKZY|P|Referral to mental health team
183523005|8H4C.|8H4C.|P|Referral to urology service
167252002|41A..|XaIs1|Q|Urine test requested
165317007|413..|XaJAO|Q|Blood test requested
168537006|534..|XaITa|Q|X-ray requested
171207006|9m07.|XaPmN|T|Depression screening
390906007|6AA..|XaJ4Q|T|Coronary heart disease annual review
413129005|9OX6.|XaLj2|T|Influenza vaccination invitation
185882007|9k...|XaLIa|A|Patient registration data verified
|EMISNQPR12|Y10a1|A|Practice recall letter printed
|EMISNQTE15|Y10a2|A|Text message sent to patient
|EMISNQDO3|Y10a3|A|Document scanned and filed
|EMISNQCO7|Y10a4|O|Communication preference recorded
|^ESCTHO66|Y10a5|T|House call checklist complete
92391000000108|9i0..|XaJQv|E|British or mixed British - ethnic category 2001 census
92401000000106|9i1..|XaJQw|E|Irish - ethnic category 2001 census
92411000000108|9i2..|XaJQx|E|Other White background - ethnic category 2001 census
92421000000102|9i3..|XaJQy|E|White and Black Caribbean - ethnic category 2001 census
92431000000100|9i4..|XaJQz|E|White and Black African - ethnic category 2001 census
92441000000109|9i5..|XaJR0|E|White and Asian - ethnic category 2001 census
92451000000107|9i6..|XaJR1|E|Other Mixed background - ethnic category 2001 census
92461000000105|9i7..|XaJR2|E|Indian or British Indian - ethnic category 2001 census
92471000000103|9i8..|XaJR3|E|Pakistani or British Pakistani - ethnic category 2001 census
92481000000101|9i9..|XaJR4|E|Bangladeshi or British Bangladeshi - ethnic category 2001 census
92491000000104|9iA..|XaJR5|E|Other Asian background - ethnic category 2001 census
92501000000105|9iB..|XaJR6|E|Caribbean - ethnic category 2001 census
92511000000107|9iC..|XaJR7|E|African - ethnic category 2001 census
92521000000101|9iD..|XaJR8|E|Other Black background - ethnic category 2001 census
92531000000104|9iE..|XaJR9|E|Chinese - ethnic category 2001 census
92541000000108|9iF..|XaJRA|E|Other - ethnic category 2001 census
92551000000106|9iG..|XaJRB|E|Ethnic category not stated - 2001 census
77386006|62...|XE2un|C|Pregnant
250423000|4654.|XaBJU|A|Pregnancy test positive
21840007|1513.|X76qM|A|Date of last menstrual period
161714006|1514.|XaYwP|A|Estimated date of delivery
169711001|62N1.|XaBxk|A|Antenatal booking examination
424619006|62N..|XE1TW|A|Prenatal visit
57036006|584A.|XM1Kp|V|Length of gestation
112144000|4412.|X76hA|H|Blood group A
112149005|4413.|X76hB|H|Blood group B
165743006|4414.|X76hC|H|Blood group AB
58460004|4411.|X76hD|H|Blood group O
165747007|4421.|XE2fS|H|Rhesus positive
165746003|4422.|XE2fT|H|Rhesus negative
165815009|43C2.|XaBKo|M|Human immunodeficiency virus negative
165806002|43B5.|XaBKp|M|Hepatitis B surface antigen negative
177184002|7F19.|X40KY|D|Normal delivery procedure
61586001|7F17.|X40KZ|D|Delivery by vacuum extraction
302383004|7F16.|X40Ka|D|Forceps delivery
177141003|7F12.|X40Kb|D|Elective caesarean section
274130007|7F13.|X40Kc|D|Emergency caesarean section
169826009|6331.|XE1Su|A|Single live birth
169828005|6333.|XE1Sv|A|Twins - both live born
169827000|6332.|XE1Sw|A|Single stillbirth
17369002|L04..|X40Kd|C|Miscarriage
34801009|L03..|X40Ke|C|Ectopic pregnancy
386639001|7E08.|X40Kf|D|Termination of pregnancy
169762003|62S..|XE1Tz|A|Postnatal visit
956951000000104|65MP.|XaZjD|I|Pertussis vaccination in pregnancy
11687002|L1809|X40Jt|C|Gestational diabetes mellitus
398254007|L124.|X40Kg|C|Pre-eclampsia
183547003|8H57.|8H57.|P|Referral to obstetrics service
183549000|8H58.|8H58.|P|Referral to gynaecology service
183518005|8H43.|8H43.|P|Referral to dermatology service
183522000|8H46.|8H46.|P|Referral to neurology service
183524004|8H4D.|8H4D.|P|Referral to rheumatology service
183525003|8H4F.|8H4F.|P|Referral to respiratory medicine service
183526002|8H4G.|8H4G.|P|Referral to diabetes and endocrinology service
609588000|7K30.|X40Kh|D|Total replacement of knee joint
44946007|7H13.|X40Ki|D|Repair of inguinal hernia
38102005|7633.|X40Kj|D|Cholecystectomy
173422009|7531.|X40Kk|D|Tonsillectomy
236886002|7E04.|X40Kl|D|Hysterectomy
90199006|7B39.|X40Km|D|Transurethral prostatectomy
`
