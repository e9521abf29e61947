"""Codes behind the groups of diagnoses: chapters of ICD-9-CM and ICD-10, and conditions of a simulator in SNOMED CT."""

from dataclasses import dataclass

MALIGNANT_ICD9 = ("140-208", "209.0-209.3", "209.7")
MALIGNANT_ICD10 = ("C00-C97",)


@dataclass(frozen=True, slots=True)
class Group:
    """Diagnoses in plain words: a chapter of both classifications, or part of one."""

    name: str
    icd9: tuple[str, ...]
    icd10: tuple[str, ...]


GROUPS = (
    Group("Infections", ("001-139",), ("A00-B99", "U07.1")),
    Group("Neoplasms", ("140-239",), ("C00-D49",)),
    Group("Blood and immune system", ("279-289",), ("D50-D89",)),
    Group("Diabetes", ("249-250",), ("E08-E14",)),
    Group("Hormones and metabolism", ("240-248", "251-273", "275-278"), ("E00-E07", "E15-E90")),
    Group("Mental health", ("290-319",), ("F01-F99",)),
    Group("Nervous system", ("320-359",), ("G00-G44", "G47-G99")),
    Group("Eye and ear", ("360-389",), ("H00-H95",)),
    Group("Heart and circulation", ("390-445", "447-459"), ("G45-G46", "I00-I99")),
    Group("Lungs and airways", ("460-519",), ("J00-J99",)),
    Group("Digestive system", ("520-579",), ("K00-K95",)),
    Group("Kidneys and genitals", ("580-629",), ("N00-N99",)),
    Group("Pregnancy and birth", ("630-679",), ("O00-O9A",)),
    Group("Skin", ("680-709",), ("L00-L99",)),
    Group("Bones, joints and muscles", ("274", "446", "710-739"), ("M00-M99",)),
    Group("Congenital and newborn", ("740-779",), ("P00-Q99",)),
    Group("Symptoms", ("780-799", "995.9"), ("R00-R99",)),
    Group("Injury and poisoning", ("800-999", "E000-E999"), ("S00-T98", "V00-Y99")),
    Group("Other reasons for care", ("V01-V91",), ("Z00-Z99",)),
)
"""Where the two classifications differ, ICD-9-CM follows ICD-10: immune disorders (279) are with the blood, gout (274)
and vasculitis (446) with the joints, the systemic inflammatory response (995.9) with the symptoms: the first group that
holds a code is its group. Transient cerebral ischaemia (G45-G46) is with the circulation, as strokes are in both;
COVID-19 (U07.1) with the infections.
"""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SNOMED CT: its group, and its comorbidity in the Charlson index if it is one."""

    name: str
    group: str
    comorbidity: str | None = None


BLOOD, DIABETES, METABOLISM, MIND, NERVES, _, HEART, LUNGS, GUT, KIDNEYS = (one.name for one in GROUPS[2:12])
INFECTIONS, NEOPLASMS, BIRTH, JOINTS, INJURY = (GROUPS[place].name for place in (0, 1, 12, 14, 17))

SNOMED = {
    "22298006": Condition("Myocardial infarction", HEART, "myocardial_infarction"),
    "84114007": Condition("Heart failure", HEART, "heart_failure"),
    "88805009": Condition("Chronic congestive heart failure", HEART, "heart_failure"),
    "230690007": Condition("Cerebrovascular accident", HEART, "cerebrovascular_disease"),
    "26929004": Condition("Alzheimer's disease", NERVES, "dementia"),
    "230265002": Condition("Familial Alzheimer's disease of early onset", NERVES, "dementia"),
    "195967001": Condition("Asthma", LUNGS, "chronic_pulmonary_disease"),
    "233678006": Condition("Childhood asthma", LUNGS, "chronic_pulmonary_disease"),
    "87433001": Condition("Pulmonary emphysema", LUNGS, "chronic_pulmonary_disease"),
    "185086009": Condition("Emphysematous bronchitis", LUNGS, "chronic_pulmonary_disease"),
    "69896004": Condition("Rheumatoid arthritis", JOINTS, "connective_tissue_disease"),
    "44054006": Condition("Type 2 diabetes mellitus", DIABETES, "diabetes"),
    "127013003": Condition("Disorder of kidney due to diabetes mellitus", DIABETES, "diabetes_with_damage"),
    "90781000119102": Condition("Microalbuminuria due to type 2 diabetes mellitus", DIABETES, "diabetes_with_damage"),
    "157141000119108": Condition("Proteinuria due to type 2 diabetes mellitus", DIABETES, "diabetes_with_damage"),
    "368581000119106": Condition("Neuropathy due to type 2 diabetes mellitus", DIABETES, "diabetes_with_damage"),
    "422034002": Condition("Retinopathy due to type 2 diabetes mellitus", DIABETES, "diabetes_with_damage"),
    "1551000119108": Condition(
        "Nonproliferative retinopathy due to type 2 diabetes mellitus", DIABETES, "diabetes_with_damage"
    ),
    "1501000119109": Condition(
        "Proliferative retinopathy due to type 2 diabetes mellitus", DIABETES, "diabetes_with_damage"
    ),
    "97331000119101": Condition(
        "Macular edema and retinopathy due to type 2 diabetes mellitus", DIABETES, "diabetes_with_damage"
    ),
    "60951000119105": Condition("Blindness due to type 2 diabetes mellitus", DIABETES, "diabetes_with_damage"),
    "698754002": Condition("Chronic paralysis due to lesion of spinal cord", NERVES, "hemiplegia"),
    "431855005": Condition("Chronic kidney disease stage 1", KIDNEYS, "kidney_disease"),
    "431856006": Condition("Chronic kidney disease stage 2", KIDNEYS, "kidney_disease"),
    "433144002": Condition("Chronic kidney disease stage 3", KIDNEYS, "kidney_disease"),
    "431857002": Condition("Chronic kidney disease stage 4", KIDNEYS, "kidney_disease"),
    "46177005": Condition("End-stage renal disease", KIDNEYS, "kidney_disease"),
    "254837009": Condition("Malignant tumor of breast", NEOPLASMS, "cancer"),
    "254637007": Condition("Non-small cell lung cancer", NEOPLASMS, "cancer"),
    "254632001": Condition("Small cell carcinoma of lung", NEOPLASMS, "cancer"),
    "424132000": Condition("Non-small cell carcinoma of lung, TNM stage 1", NEOPLASMS, "cancer"),
    "425048006": Condition("Non-small cell carcinoma of lung, TNM stage 2", NEOPLASMS, "cancer"),
    "422968005": Condition("Non-small cell carcinoma of lung, TNM stage 3", NEOPLASMS, "cancer"),
    "423121009": Condition("Non-small cell carcinoma of lung, TNM stage 4", NEOPLASMS, "metastatic_cancer"),
    "67811000119102": Condition("Primary small cell malignant neoplasm of lung, TNM stage 1", NEOPLASMS, "cancer"),
    "67821000119109": Condition("Primary small cell malignant neoplasm of lung, TNM stage 2", NEOPLASMS, "cancer"),
    "67831000119107": Condition("Primary small cell malignant neoplasm of lung, TNM stage 3", NEOPLASMS, "cancer"),
    "67841000119103": Condition(
        "Primary small cell malignant neoplasm of lung, TNM stage 4", NEOPLASMS, "metastatic_cancer"
    ),
    "363406005": Condition("Malignant tumor of colon", NEOPLASMS, "cancer"),
    "93761005": Condition("Primary malignant neoplasm of colon", NEOPLASMS, "cancer"),
    "109838007": Condition("Overlapping malignant neoplasm of colon", NEOPLASMS, "cancer"),
    "94260004": Condition("Secondary malignant neoplasm of colon", NEOPLASMS, "metastatic_cancer"),
    "314994000": Condition("Metastasis from malignant tumor of prostate", NEOPLASMS, "metastatic_cancer"),
    "126906006": Condition("Neoplasm of prostate", NEOPLASMS),
    "92691004": Condition("Carcinoma in situ of prostate", NEOPLASMS),
    "91302008": Condition("Sepsis", INFECTIONS),
    "76571007": Condition("Septic shock", INFECTIONS),
    "840539006": Condition("COVID-19", INFECTIONS),
    "271737000": Condition("Anemia", BLOOD),
    "55822004": Condition("Hyperlipidemia", METABOLISM),
    "36923009": Condition("Major depression, single episode", MIND),
    "7200002": Condition("Alcoholism", MIND),
    "128613002": Condition("Seizure disorder", NERVES),
    "59621000": Condition("Essential hypertension", HEART),
    "53741008": Condition("Coronary arteriosclerosis", HEART),
    "49436004": Condition("Atrial fibrillation", HEART),
    "410429000": Condition("Cardiac arrest", HEART),
    "706870000": Condition("Acute pulmonary embolism", HEART),
    "10509002": Condition("Acute bronchitis", LUNGS),
    "233604007": Condition("Pneumonia", LUNGS),
    "65710008": Condition("Acute respiratory failure", LUNGS),
    "67782005": Condition("Acute respiratory distress syndrome", LUNGS),
    "74400008": Condition("Appendicitis", GUT),
    "47693006": Condition("Rupture of appendix", GUT),
    "65275009": Condition("Acute cholecystitis", GUT),
    "235919008": Condition("Gallstone", GUT),
    "68566005": Condition("Urinary tract infectious disease", KIDNEYS),
    "301011002": Condition("Escherichia coli urinary tract infection", KIDNEYS),
    "72892002": Condition("Normal pregnancy", BIRTH),
    "398254007": Condition("Pre-eclampsia", BIRTH),
    "19169002": Condition("Miscarriage in first trimester", BIRTH),
    "90560007": Condition("Gout", JOINTS),
    "64859006": Condition("Osteoporosis", JOINTS),
    "239872002": Condition("Osteoarthritis of hip", JOINTS),
    "239873007": Condition("Osteoarthritis of knee", JOINTS),
    "359817006": Condition("Closed fracture of hip", INJURY),
    "16114001": Condition("Fracture of ankle", INJURY),
    "33737001": Condition("Fracture of rib", INJURY),
    "58150001": Condition("Fracture of clavicle", INJURY),
    "65966004": Condition("Fracture of forearm", INJURY),
    "62106007": Condition("Concussion with no loss of consciousness", INJURY),
    "403191005": Condition("Partial thickness burn", INJURY),
    "403192003": Condition("Full thickness burn", INJURY),
    "44465007": Condition("Sprain of ankle", INJURY),
    "55680006": Condition("Drug overdose", INJURY),
}
"""Conditions of the Synthea simulator, by the names of the OMOP vocabulary. What leaves room for doubt is no
comorbidity: lupus that is not said to be systemic, cerebral palsy of any kind, cancer that is only suspected.
"""
