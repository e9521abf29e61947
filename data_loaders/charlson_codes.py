"""The comorbidities of the Charlson index: their codes, and their points in LACE.

References
----------
Quan et al. (2005), Med Care 43:1130-1139, doi:10.1097/01.mlr.0000182534.19832.83, table 1: enhanced ICD-9-CM, and
ICD-10. van Walraven et al. (2010), CMAJ 182:551-557, doi:10.1503/cmaj.091117: points.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comorbidity:
    """A comorbidity of the Charlson index.

    Parameters
    ----------
    key : str
        Name of its column.
    label : str
        In words.
    organ : str
        Of the comorbidities of one organ, such as mild and severe liver disease, only the gravest counts.
    points : int
        In LACE; none for hemiplegia, which LACE leaves out.
    icd9, icd10 : tuple of str
        Codes, or ranges such as ``"425.4-425.9"``, of ICD-9-CM and of ICD-10. A range ends before the letters that
        ICD-10-CM has added behind the digits: C7A, of a tumour that the lists do not name, is not in ``C77-C79``.
    """

    key: str
    label: str
    organ: str
    points: int
    icd9: tuple[str, ...]
    icd10: tuple[str, ...]


COMORBIDITIES = (
    Comorbidity(
        "myocardial_infarction", "Myocardial infarction", "coronary arteries", 1, ("410", "412"), ("I21-I22", "I25.2")
    ),
    Comorbidity(
        "heart_failure",
        "Heart failure",
        "heart",
        2,
        (
            *("398.91", "402.01", "402.11", "402.91", "404.01", "404.03", "404.11", "404.13", "404.91", "404.93"),
            *("425.4-425.9", "428"),
        ),
        ("I09.9", "I11.0", "I13.0", "I13.2", "I25.5", "I42.0", "I42.5-I42.9", "I43", "I50", "P29.0"),
    ),
    Comorbidity(
        "peripheral_vascular_disease",
        "Peripheral vascular disease",
        "vessels",
        1,
        ("093.0", "437.3", "440-441", "443.1-443.9", "447.1", "557.1", "557.9", "V43.4"),
        (
            *("I70-I71", "I73.1", "I73.8-I73.9", "I77.1", "I79.0", "I79.2", "K55.1", "K55.8-K55.9"),
            "Z95.8-Z95.9",
        ),
    ),
    Comorbidity(
        "cerebrovascular_disease",
        "Cerebrovascular disease",
        "brain vessels",
        1,
        ("362.34", "430-438"),
        ("G45-G46", "H34.0", "I60-I69"),
    ),
    Comorbidity("dementia", "Dementia", "mind", 3, ("290", "294.1", "331.2"), ("F00-F03", "F05.1", "G30", "G31.1")),
    Comorbidity(
        "chronic_pulmonary_disease",
        "Chronic pulmonary disease",
        "lung",
        2,
        ("416.8-416.9", "490-505", "506.4", "508.1", "508.8"),
        ("I27.8-I27.9", "J40-J47", "J60-J67", "J68.4", "J70.1", "J70.3"),
    ),
    Comorbidity(
        "connective_tissue_disease",
        "Connective tissue disease",
        "connective tissue",
        3,
        ("446.5", "710.0-710.4", "714.0-714.2", "714.8", "725"),
        ("M05-M06", "M31.5", "M32-M34", "M35.1", "M35.3", "M36.0"),
    ),
    Comorbidity("peptic_ulcer", "Peptic ulcer", "stomach", 1, ("531-534",), ("K25-K28",)),
    Comorbidity(
        "mild_liver_disease",
        "Mild liver disease",
        "liver",
        2,
        (
            *("070.22", "070.23", "070.32", "070.33", "070.44", "070.54", "070.6", "070.9", "570-571"),
            *("573.3", "573.4", "573.8-573.9", "V42.7"),
        ),
        (
            *("B18", "K70.0-K70.3", "K70.9", "K71.3-K71.5", "K71.7", "K73-K74", "K76.0", "K76.2-K76.4"),
            *("K76.8-K76.9", "Z94.4"),
        ),
    ),
    Comorbidity("diabetes", "Diabetes without end-organ damage", "diabetes", 1, ("250",), ("E10-E14",)),
    Comorbidity(
        "diabetes_with_damage",
        "Diabetes with end-organ damage",
        "diabetes",
        2,
        ("250.4-250.7",),
        tuple(f"E1{kind}.{part}" for kind in range(5) for part in ("2", "3", "4", "5", "7")),
    ),
    Comorbidity(
        "hemiplegia",
        "Hemiplegia or paraplegia",
        "movement",
        0,
        ("334.1", "342-343", "344.0-344.6", "344.9"),
        ("G04.1", "G11.4", "G80.1-G80.2", "G81-G82", "G83.0-G83.4", "G83.9"),
    ),
    Comorbidity(
        "kidney_disease",
        "Kidney disease",
        "kidney",
        2,
        (
            *("403.01", "403.11", "403.91", "404.02", "404.03", "404.12", "404.13", "404.92", "404.93"),
            *("582", "583.0-583.7", "585-586", "588.0", "V42.0", "V45.1", "V56"),
        ),
        (
            *("I12.0", "I13.1", "N03.2-N03.7", "N05.2-N05.7", "N18-N19", "N25.0", "Z49.0-Z49.2", "Z94.0"),
            "Z99.2",
        ),
    ),
    Comorbidity(
        "cancer",
        "Cancer without metastases",
        "cancer",
        2,
        ("140-172", "174-195", "200-208", "238.6"),
        ("C00-C26", "C30-C34", "C37-C41", "C43", "C45-C49", "C50-C58", "C60-C76", "C81-C85", "C88", "C90-C97"),
    ),
    Comorbidity(
        "severe_liver_disease",
        "Severe liver disease",
        "liver",
        4,
        ("456.0-456.2", "572.2-572.8"),
        ("I85.0", "I85.9", "I86.4", "I98.2", "K70.4", "K71.1", "K72.1", "K72.9", "K76.5-K76.7"),
    ),
    Comorbidity("metastatic_cancer", "Metastatic cancer", "cancer", 6, ("196-199",), ("C77-C79", "C80")),
    Comorbidity("hiv", "HIV or AIDS", "immune system", 4, ("042-044",), ("B20-B22", "B24")),
)
ORGANS = tuple(dict.fromkeys(one.organ for one in COMORBIDITIES))
