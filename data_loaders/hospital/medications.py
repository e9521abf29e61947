"""Classes of medications, from the names that hospitals write."""

import re
from dataclasses import dataclass

import pandas as pd

from data_loaders.code_lists import looked_up


@dataclass(frozen=True, slots=True)
class DrugClass:
    """A class of medications, with the ingredients and the American brands whose names stand for it."""

    key: str
    label: str
    names: tuple[str, ...]


def _class(key: str, label: str, *names: str) -> DrugClass:
    return DrugClass(key, label, tuple(" ".join(names).split()))


CLASSES = (
    _class(
        "anticoagulants",
        "Anticoagulants",
        "warfarin coumadin acenocoumarol phenprocoumon heparin enoxaparin lovenox dalteparin tinzaparin fondaparinux",
        "apixaban eliquis rivaroxaban xarelto dabigatran pradaxa edoxaban argatroban bivalirudin lepirudin",
    ),
    _class(
        "antiplatelets",
        "Antiplatelet drugs",
        "aspirin ecotrin clopidogrel plavix prasugrel ticagrelor brilinta ticlopidine dipyridamole aggrenox",
        "cilostazol pletal tirofiban eptifibatide integrilin abciximab cangrelor",
    ),
    _class(
        "insulin", "Insulin", "insulin humulin novolin humalog novolog lantus levemir toujeo tresiba apidra basaglar"
    ),
    _class(
        "oral_glucose_lowering",
        "Glucose-lowering tablets",
        "metformin glucophage glipizide glucotrol glyburide glibenclamide glimepiride amaryl gliclazide tolbutamide",
        "tolazamide chlorpropamide repaglinide nateglinide pioglitazone actos rosiglitazone acarbose miglitol",
        "sitagliptin januvia saxagliptin linagliptin alogliptin vildagliptin empagliflozin jardiance dapagliflozin",
        "canagliflozin ertugliflozin",
    ),
    _class(
        "opioids",
        "Opioids",
        "morphine hydromorphone dilaudid oxymorphone oxycodone percocet oxycontin roxicodone hydrocodone hydrocodon",
        "norco vicodin lortab codeine fentanyl sublimaze duragesic remifentanil sufentanil alfentanil methadone",
        "meperidine pethidine demerol tramadol ultram tapentadol propoxyphene buprenorphine butorphanol nalbuphine",
    ),
    _class(
        "benzodiazepines_sedatives",
        "Benzodiazepines and sleeping drugs",
        "lorazepam ativan midazolam versed diazepam valium alprazolam xanax clonazepam klonopin temazepam restoril",
        "oxazepam chlordiazepoxide librium nitrazepam zolpidem ambien zaleplon zopiclone eszopiclone lunesta",
    ),
    _class(
        "antipsychotics",
        "Antipsychotics",
        "haloperidol haldol quetiapine seroquel olanzapine zyprexa risperidone risperdal paliperidone aripiprazole",
        "abilify ziprasidone geodon clozapine lurasidone chlorpromazine fluphenazine perphenazine thioridazine",
        "thiothixene trifluoperazine loxapine pimozide asenapine brexpiprazole cariprazine amisulpride",
    ),
    _class(
        "antidepressants",
        "Antidepressants",
        "sertraline zoloft fluoxetine prozac paroxetine paxil citalopram celexa escitalopram lexapro fluvoxamine",
        "venlafaxine effexor desvenlafaxine duloxetine cymbalta mirtazapine remeron bupropion wellbutrin trazodone",
        "nefazodone amitriptyline nortriptyline imipramine desipramine clomipramine doxepin phenelzine vortioxetine",
    ),
    _class(
        "antiepileptics",
        "Antiepileptics",
        "levetiracetam keppra phenytoin dilantin fosphenytoin valproate valproic divalproex depakote carbamazepine",
        "tegretol oxcarbazepine lamotrigine lamictal topiramate topamax gabapentin neurontin pregabalin lyrica",
        "lacosamide vimpat phenobarbital primidone zonisamide ethosuximide felbamate tiagabine rufinamide clobazam",
    ),
    _class(
        "loop_diuretics", "Loop diuretics", "furosemide lasix bumetanide bumex torsemide torasemide demadex ethacrynic"
    ),
    _class(
        "beta_blockers",
        "Beta blockers",
        "metoprolol lopressor toprol atenolol tenormin carvedilol coreg bisoprolol propranolol inderal labetalol",
        "trandate nadolol nebivolol bystolic esmolol brevibloc acebutolol pindolol sotalol betapace",
    ),
    _class(
        "ace_inhibitors_arbs",
        "ACE inhibitors and ARBs",
        "lisinopril zestril prinivil enalapril enalaprilat vasotec captopril ramipril benazepril quinapril fosinopril",
        "moexipril perindopril trandolapril losartan cozaar valsartan diovan candesartan irbesartan olmesartan",
        "telmisartan azilsartan eprosartan entresto",
    ),
    _class(
        "statins",
        "Statins",
        "atorvastatin lipitor simvastatin zocor pravastatin pravachol rosuvastatin crestor lovastatin fluvastatin",
        "pitavastatin vytorin",
    ),
    _class(
        "corticosteroids",
        "Systemic corticosteroids",
        "prednisone deltasone prednisolone methylprednisolone medrol solu-medrol solumedrol dexamethasone decadron",
        "hydrocortisone solu-cortef cortisone betamethasone",
    ),
    _class(
        "antibiotics",
        "Antibiotics",
        "amoxicillin augmentin ampicillin unasyn penicillin nafcillin oxacillin dicloxacillin piperacillin zosyn",
        "ticarcillin cefazolin ancef cephalexin keflex cefadroxil cefuroxime cefoxitin cefotetan cefaclor cefdinir",
        "cefixime cefpodoxime cefotaxime ceftriaxone rocephin ceftazidime cefepime ceftaroline ertapenem imipenem",
        "meropenem merrem doripenem aztreonam gentamicin tobramycin amikacin azithromycin zithromax clarithromycin",
        "erythromycin ciprofloxacin cipro levofloxacin levaquin moxifloxacin ofloxacin doxycycline minocycline",
        "tetracycline tigecycline demeclocycline vancomycin vancocin linezolid daptomycin clindamycin metronidazole",
        "flagyl nitrofurantoin macrobid sulfamethoxazole sulfameth trimethoprim bactrim fosfomycin colistin",
        "polymyxin chloramphenicol",
    ),
    _class(
        "immunosuppressants_antineoplastics",
        "Immunosuppressants and cancer drugs",
        "tacrolimus prograf cyclosporine ciclosporin sirolimus everolimus mycophenolate cellcept azathioprine imuran",
        "methotrexate leflunomide basiliximab thymoglobulin belatacept infliximab adalimumab etanercept tocilizumab",
        "rituximab bevacizumab trastuzumab pembrolizumab nivolumab cetuximab bortezomib lenalidomide imatinib",
        "erlotinib tarceva cyclophosphamide ifosfamide melphalan busulfan bendamustine temozolomide doxorubicin",
        "daunorubicin idarubicin bleomycin vincristine vinblastine vinorelbine etoposide irinotecan topotecan",
        "paclitaxel docetaxel cisplatin carboplatin oxaliplatin cytarabine gemcitabine fluorouracil capecitabine",
        "pemetrexed fludarabine azacitidine decitabine mercaptopurine hydroxyurea hydroxycarbamide",
    ),
    _class(
        "bronchodilators",
        "Bronchodilators",
        "albuterol salbutamol proventil ventolin levalbuterol xopenex terbutaline salmeterol serevent advair",
        "formoterol symbicort indacaterol olodaterol vilanterol ipratropium atrovent duoneb combivent tiotropium",
        "spiriva umeclidinium aclidinium theophylline aminophylline",
    ),
)
"""By what they are given for. In no class are hormones against cancer, injected GLP-1 agonists, drugs against
tuberculosis, prochlorperazine (given for nausea), fludrocortisone, and what keeps a ventilated patient asleep.
"""

LOCAL = "flush lock irrigation enema ophth opht ophthalmic otic eye ear topical cream ointment oint lotion"
"""Words of what does not act in the whole body: a heparin flush keeps a line open, an ointment treats an eye."""

FORMS = (
    "tab tabs tablet tablets cap caps capsule capsules inj injection injectable soln solution solr susp suspension",
    "oral po iv im sc sq sl pr re rect rectal pf er xl xr sr cr ec dr ir la odt chew chewable liquid liqd liq syrup",
    "elixir powder neb nebu nebs inhaler inhalation inhale mdi hfa aers patch supp suppository premix ij",
    "extended delayed immediate sustained release vial syringe syr syrg bag bottle pack packet ampul plus",
    "ivpb pb lvp sdv mdv ud drip infusion bolus in of per and unt unit units ml mg mcg gm meq mmol",
)
FORM = frozenset(" ".join(FORMS).split())
CONTAINER = re.compile(r"^[\d.,]+ *(ml|g|gm|mg|hr|each)\b([^:]*: *| +- +| +)")
BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
WORD = re.compile(r"\S*\d\S*|[a-z]+(?:['/-][a-z]+)*")


def class_flags(names: pd.Series) -> pd.DataFrame:
    """Return the classes of each medication: those of which a name is a whole word of it, in any case.

    Parameters
    ----------
    names : Series of text, (n,)
        As recorded: with strength and form, brand, several ingredients. A missing name is of no class, nor is one of
        which a word says that it acts in one place, such as ``"flush"`` or ``"ophth"``.

    Returns
    -------
    DataFrame of bool, (n, 17)
        Index as given; columns are the keys of ``CLASSES``. Unknown names are of no class.
    """
    patterns = [_any_of(one.names) for one in CLASSES]
    local = _any_of(LOCAL.split())

    def classes(name: str) -> list[bool]:
        everywhere = local.search(name) is None
        return [everywhere and pattern.search(name) is not None for pattern in patterns]

    return pd.DataFrame(looked_up(names, classes), names.index, [one.key for one in CLASSES])


def plain_name(names: pd.Series) -> pd.Series:
    """Return each name in lower case without strength, form, container and what is in brackets.

    Good enough to count the medications of a stay; a brand and its ingredient remain two, and so may two spellings.
    Missing or blank stays missing.

    Parameters
    ----------
    names : Series of text, (n,)

    Returns
    -------
    Series of text, (n,)
        Index as given, such as ``"insulin lispro"`` for ``"Insulin Lispro 100 UNT/ML"``.
    """
    return pd.Series(looked_up(names, _plain).astype(object), names.index, dtype="str").replace("", None)


def _any_of(words: tuple[str, ...] | list[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)


def _plain(name: str) -> str:
    whole = name.strip().lower()
    inner = CONTAINER.sub("", BRACKETS.sub(" ", whole).strip())
    ingredients = [_without_strength(part) for part in inner.split(" / ")]
    return " / ".join(filter(None, ingredients)) or whole


def _without_strength(part: str) -> str:
    words: list[str] = []
    for word in WORD.findall(part):
        if not any(map(str.isdigit, word)):
            words += [word] if word not in FORM else []
        elif words:
            break  # the strength; behind it the form
    return " ".join(words)
