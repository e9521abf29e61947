"""HTI-1: the 31 source attributes of a predictive decision support intervention.

References
----------
45 CFR 170.315(b)(11)(iv)(B), as of the HTI-1 final rule (89 FR 1192, 9 January 2024); its wording is the authority, not
ours, and it may have been amended since. Items are numbered by their paragraph.
"""

from clinflu.findings.checklists.item import Item

TITLE = "HTI-1 source attributes, 45 CFR 170.315(b)(11)(iv)(B)"
ABROAD = "Every row of the report is from one source; a validation elsewhere is to be filled in."
LOCAL = "Whether the audited rows are this hospital's own; if they are not, audit the model on those that are."

DETAILS = (
    Item(
        "(1)(i)",
        "Details",
        "Name and contact of the developer.",
        None,
        "Cannot be known from the data: to be filled in.",
    ),
    Item(
        "(1)(ii)",
        "Details",
        "Who paid for the technical work.",
        None,
        "Cannot be known from the data: to be filled in.",
    ),
    Item(
        "(1)(iii)",
        "Details",
        "The value that the intervention returns.",
        "model",
        "The predicted risk of the outcome that is named.",
    ),
    Item(
        "(1)(iv)",
        "Details",
        "Whether that is a prediction, a classification, a recommendation or something else.",
        "model",
        "A prediction: a risk; and from the alert threshold on, a classification.",
    ),
)

PURPOSE = (
    Item("(2)(i)", "Purpose", "The intended use.", None, "Not in the data: to be filled in."),
    Item("(2)(ii)", "Purpose", "The patients that it is meant for.", None, "Not in the data: to be filled in."),
    Item("(2)(iii)", "Purpose", "The users that it is meant for.", None, "Not in the data: to be filled in."),
    Item(
        "(2)(iv)",
        "Purpose",
        "Its part in the decision: whether it informs, augments or replaces clinical management.",
        None,
        "Not in the data: to be filled in.",
    ),
)

CAUTIONS = (
    Item(
        "(3)(i)",
        "Out-of-scope use",
        "Tasks, situations or populations in which users are cautioned against it.",
        None,
        "Where not to use it is for the hospital to say; the subgroups that the model fails may tell.",
    ),
    Item(
        "(3)(ii)",
        "Out-of-scope use",
        "Known risks and limits, unsuitable settings and uses.",
        "limits",
        "What the report cannot say; the section on subgroups shows where the model fails.",
        "Risks, and settings and uses for which it is unsuitable.",
    ),
)

DEVELOPMENT = (
    Item(
        "(4)(i)",
        "Development",
        "Criteria of inclusion and exclusion that shaped the training data.",
        "data",
        "A flowchart of every exclusion made in loading, with its reason and count.",
        "Who came into the table in the first place.",
    ),
    Item(
        "(4)(ii)",
        "Development",
        "Use as input of race, ethnicity, language, sexual orientation, gender identity, sex, date of birth, social "
        "determinants of health and health status assessments.",
        "model",
        "Every predictor by name, so whichever of these is used is there.",
        "Which predictor is which of these, and which of these none is.",
    ),
    Item(
        "(4)(iii)",
        "Development",
        "How representative the training data are by those variables, at least by the ones that are used.",
        "data",
        "How many training encounters there are by the variables of the subgroups.",
        "The same of the population that is served, to compare it with.",
    ),
    Item(
        "(4)(iv)",
        "Development",
        "How relevant the training data are to the setting in which it is deployed.",
        None,
        "Where the model is deployed is not in the data: to be filled in.",
    ),
)

FAIRNESS = (
    Item(
        "(5)(i)",
        "Fairness in development",
        "What the developer did so that the output is fair.",
        None,
        "Not in the data: to be filled in. How the model does in subgroups is under (7)(ii).",
    ),
    Item(
        "(5)(ii)",
        "Fairness in development",
        "What was done to manage, reduce or remove bias.",
        None,
        "Not in the data: to be filled in. What leaving out or reweighting patients would change is no such measure.",
    ),
)

EXTERNAL = (
    Item("(6)(i)", "External validation", "Source and setting of data from elsewhere.", None, ABROAD),
    Item("(6)(ii)", "External validation", "Who did that validation.", None, ABROAD),
    Item(
        "(6)(iii)",
        "External validation",
        "How representative those data are by the variables of (4)(ii).",
        None,
        ABROAD,
    ),
    Item("(6)(iv)", "External validation", "How that validation was done.", None, ABROAD),
)

MEASURES = (
    Item(
        "(7)(i)",
        "Measures of performance",
        "Validity in test data from the source of the training data.",
        "performance",
        "Every measure with its interval, and whether the patients on whom it was judged taught the model.",
    ),
    Item(
        "(7)(ii)",
        "Measures of performance",
        "Fairness in test data from the source of the training data.",
        "subgroups",
        "Every measure by subgroup, with its difference to everyone else and intervals.",
    ),
    Item("(7)(iii)", "Measures of performance", "Validity in data from elsewhere.", None, ABROAD),
    Item("(7)(iv)", "Measures of performance", "Fairness in data from elsewhere.", None, ABROAD),
    Item(
        "(7)(v)",
        "Measures of performance",
        "References to evaluations of what its use does to outcomes.",
        None,
        "What using the model does to patients is not in the data: to be filled in.",
    ),
)

MAINTENANCE = (
    Item(
        "(8)(i)",
        "Maintenance",
        "How and how often validity is watched.",
        None,
        "Not in the data: to be filled in. This report is one look.",
    ),
    Item(
        "(8)(ii)",
        "Maintenance",
        "Validity in local data.",
        "performance",
        "Every measure with its interval, on the audited patients.",
        LOCAL,
    ),
    Item(
        "(8)(iii)",
        "Maintenance",
        "How and how often fairness is watched.",
        None,
        "Not in the data: to be filled in. This report is one look.",
    ),
    Item(
        "(8)(iv)",
        "Maintenance",
        "Fairness in local data.",
        "subgroups",
        "Every measure by subgroup, with its difference to everyone else and intervals.",
        LOCAL,
    ),
)

UPDATES = (
    Item("(9)(i)", "Updates", "How and how often it is updated.", None, "Not in the data: to be filled in."),
    Item(
        "(9)(ii)",
        "Updates",
        "How and how often its performance is corrected when a risk to validity or fairness is found.",
        None,
        "Not in the data: to be filled in.",
    ),
)

ITEMS = (
    *(*DETAILS, *PURPOSE, *CAUTIONS, *DEVELOPMENT, *FAIRNESS),
    *(*EXTERNAL, *MEASURES, *MAINTENANCE, *UPDATES),
)
