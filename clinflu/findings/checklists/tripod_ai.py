"""TRIPOD+AI: the 27 items, with their sub-items, that a report of a prediction model answers.

References
----------
Collins et al. (2024), BMJ 385:e078378, doi:10.1136/bmj-2023-078378; its wording is the authority, not ours.
"""

from clinflu.findings.checklists.item import Item

TITLE = "TRIPOD+AI (2024)"

INTRODUCTION = (
    Item(
        "1",
        "Title",
        "Say that a prediction model is developed or evaluated, in whom, and for which outcome.",
        "summary",
        "The summary names the outcome and the encounters on which the model was judged.",
        "The population that the model is meant for.",
    ),
    Item(
        "2",
        "Abstract",
        "A structured abstract; TRIPOD+AI has a list of its own for it.",
        "summary",
        "A summary in plain language: outcome, encounters, events, performance, and the subgroups that it fails.",
        "The structured abstract of a publication.",
    ),
    Item(
        "3a",
        "Background",
        "The clinical context, why the model is needed, and which models there are.",
        None,
        "Not in the data: the hospital says why it has the model, and what else it could use.",
    ),
    Item(
        "3b",
        "Background",
        "Whom the model is for, where in the course of care it is used, and by whom.",
        None,
        "Not in the data: population, purpose and users are to be filled in.",
    ),
    Item(
        "3c",
        "Background",
        "Known inequalities in health between sociodemographic groups.",
        None,
        "Not in the data: differences in performance between groups are shown, known inequalities are to be filled in.",
    ),
    Item(
        "4",
        "Objectives",
        "The aims, and whether the model is developed, evaluated or both.",
        None,
        "What is to be decided with this report is to be filled in.",
    ),
)

DATA_AND_PARTICIPANTS = (
    Item(
        "5a",
        "Data",
        "Sources of the data for development and for evaluation, why these, and how representative they are.",
        "data",
        "Source, loader, and the characteristics of the training and of the audited encounters.",
        "Why these data, and how well they represent those for whom the model is used.",
    ),
    Item(
        "5b",
        "Data",
        "First and last dates of inclusion, and the end of follow-up.",
        None,
        "No dates are read: first and last discharge and the end of follow-up are to be filled in.",
    ),
    Item(
        "6a",
        "Participants",
        "The setting: kind of care, number and place of the centres.",
        None,
        "Not in the data: the hospitals, their number and kind are to be filled in.",
    ),
    Item(
        "6b",
        "Participants",
        "Who was eligible.",
        "data",
        "A flowchart of every exclusion made in loading, with its reason and count.",
        "Who came into the table in the first place.",
    ),
    Item(
        "6c",
        "Participants",
        "Treatments that were given, and how they were dealt with.",
        None,
        "Treatments are known only where they are recorded variables; how they were given is to be filled in.",
    ),
    Item(
        "7",
        "Data preparation",
        "How the data were prepared and checked, and whether alike in all sociodemographic groups.",
        "model",
        "How recorded values become columns of the model, the same for every patient.",
        "How the table was made and checked before it was loaded, and whether alike in all groups.",
    ),
    Item(
        "8a",
        "Outcome",
        "The outcome, its horizon, how and when it was assessed, why it was chosen, and whether alike in all groups.",
        "data",
        "What the outcome is, and how often it happened in each part of the cohort.",
        "How and when it is recorded, why it was chosen, and whether it is recorded alike in all groups.",
    ),
    Item(
        "8b",
        "Outcome",
        "Who judged the outcome, if it takes judgement.",
        None,
        "Not in the data: whether anyone judged the outcome, and who, is to be filled in.",
    ),
    Item(
        "8c",
        "Outcome",
        "Whether those who assessed the outcome were blinded.",
        None,
        "Not in the data: to be filled in.",
    ),
    Item(
        "9a",
        "Predictors",
        "How the first predictors were chosen, and any selection before the model was built.",
        "model",
        "Every recorded variable that the source names is in the model; none is selected by its effect.",
        "Why these variables; for a model that was adopted, how its makers chose them.",
    ),
    Item(
        "9b",
        "Predictors",
        "Every predictor defined: how and when it was measured, and any blinding.",
        "model",
        "Every predictor, with its unit or its levels.",
        "How and when each was measured, and whether blinded.",
    ),
    Item(
        "9c",
        "Predictors",
        "Who judged the predictors, if they take judgement.",
        None,
        "Not in the data: to be filled in.",
    ),
    Item(
        "10",
        "Sample size",
        "How the number of participants came about, and why it is enough.",
        "data",
        "Encounters, patients and events of each part; the limits name the fewest events on which a figure may rest.",
        "Why that is enough, such as a calculation of sample size.",
    ),
    Item(
        "11",
        "Missing data",
        "How missing data were handled, and why any data were left out.",
        "model",
        "A missing value is a level of its own, or stands at the training mean; the flowchart has the exclusions.",
        "Why values are missing.",
    ),
)

METHODS = (
    Item(
        "12a",
        "Analysis",
        "How the data were used, and how they were divided.",
        "method",
        "How patients were divided into training, audited and confirming ones.",
    ),
    Item(
        "12b",
        "Analysis",
        "How predictors entered: functional form, scale, transformation.",
        "model",
        "How categories, numbers and missing values enter, and which counts by their log.",
        "For a model that was adopted, its own preparation.",
    ),
    Item(
        "12c",
        "Analysis",
        "The type of model, why, every step of building it, tuning, and internal validation.",
        "method",
        "The type of model, how it was fitted, and on whom it was judged.",
        "Why this type and this penalty; for a model that was adopted, how it was built and tuned.",
    ),
    Item(
        "12d",
        "Analysis",
        "Whether and how differences between clusters, such as hospitals, were dealt with.",
        None,
        "No variable is known to be a cluster; where one is recorded, ask for it as a subgroup.",
    ),
    Item(
        "12e",
        "Analysis",
        "Every measure and plot of performance, and why; how models were compared.",
        "method",
        "Every measure, its interval and its source; calibration, decision curves and the scores beside the model.",
        "Why these measures fit the decision that the model serves.",
    ),
    Item(
        "12f",
        "Analysis",
        "Any updating of the model, such as recalibration, overall or for groups.",
        None,
        "The report updates nothing, its refits only explain the model; updates made elsewhere are to be filled in.",
    ),
    Item(
        "12g",
        "Analysis",
        "How the predictions that were evaluated were computed.",
        "model",
        "From the fitted model; its columns and coefficients are given where each column has one.",
        "The coefficients that an export withholds; the saved audit computes the predictions.",
    ),
    Item(
        "13",
        "Class imbalance",
        "Any method against imbalance, why, and how the model was recalibrated after it.",
        "method",
        "Whether classes were weighted or resampled here.",
        "What was done for a model that was adopted.",
    ),
    Item(
        "14",
        "Fairness",
        "What was done for the fairness of the model, and why.",
        "subgroups",
        "Performance in every subgroup with its difference to everyone else, corrected for how many were looked at.",
        "What was done about fairness when the model was built, and why.",
    ),
    Item(
        "15",
        "Model output",
        "What the model returns; how any threshold was found, and why.",
        "model",
        "A risk, and an alert from the threshold that is named.",
        "Why this threshold: what an alert leads to, and what a missed or a needless one costs.",
    ),
    Item(
        "16",
        "Training versus evaluation",
        "Differences between the data for development and for evaluation.",
        "data",
        "Both come from one source, divided by patient at random; their characteristics stand side by side.",
    ),
    Item(
        "17",
        "Ethical approval",
        "The committee that approved the study, and consent or its waiver.",
        None,
        "Cannot be known from the data: to be filled in.",
    ),
)

OPEN_SCIENCE = (
    Item(
        "18a", "Funding", "Who paid, and what part they had.", None, "Cannot be known from the data: to be filled in."
    ),
    Item(
        "18b",
        "Conflicts of interest",
        "Interests and financial ties of all authors.",
        None,
        "Cannot be known from the data: to be filled in.",
    ),
    Item(
        "18c",
        "Protocol",
        "Where the protocol can be read, or that there is none.",
        None,
        "Cannot be known from the data: to be filled in.",
    ),
    Item(
        "18d",
        "Registration",
        "Register and number, or that the study is not registered.",
        None,
        "Cannot be known from the data: to be filled in.",
    ),
    Item(
        "18e",
        "Data sharing",
        "Whether and how the data can be had.",
        None,
        "The provenance names the data and their sha256; whether others may have them is to be filled in.",
    ),
    Item(
        "18f",
        "Code sharing",
        "Whether and how the code of the analysis can be had.",
        "provenance",
        "Version of clinflu, which made every figure, of Python and of the libraries; seeds and options.",
        "Where the code that made the table, and any model that was adopted, can be had.",
    ),
    Item(
        "19",
        "Patient and public involvement",
        "What part patients and the public had in the study, or that they had none.",
        None,
        "Cannot be known from the data: to be filled in.",
    ),
)

RESULTS = (
    Item(
        "20a",
        "Participants",
        "The flow of participants, how many had the outcome, and the time of follow-up.",
        "data",
        "A flowchart, and the events of each part.",
        "How complete the follow-up is.",
    ),
    Item(
        "20b",
        "Participants",
        "Characteristics overall and by source, with events, follow-up and missing data; differences between groups.",
        "data",
        "How many encounters each part has by the variables of the subgroups; subgroups have their event rates.",
        "Dates, treatments, follow-up, missing data, and variables by which no subgroup is made.",
    ),
    Item(
        "20c",
        "Participants",
        "The distribution of important predictors beside that of the data for development.",
        "data",
        "Training, audited and confirming encounters side by side, by the variables of the subgroups.",
        "Predictors by which no subgroup is made.",
    ),
    Item(
        "21",
        "Model development",
        "Participants and events in each analysis.",
        "data",
        "Encounters, patients and events of each part; every subgroup has its own, or says that they are withheld.",
    ),
    Item(
        "22",
        "Model specification",
        "The whole model, so that others can predict with it, and any restriction of its use.",
        "model",
        "Every column with its coefficient, odds ratio and interval, where the model has one for each column.",
        "The coefficients that an export withholds, and under which terms others may use the model.",
    ),
    Item(
        "23a",
        "Model performance",
        "Performance with confidence intervals, also in key subgroups; plots.",
        "performance",
        "Every measure with its interval; likewise in every subgroup; ROC, calibration and decision curves.",
    ),
    Item(
        "23b",
        "Model performance",
        "Differences in performance between clusters, if they were looked at.",
        None,
        "No variable is known to be a cluster; where one is recorded, ask for it as a subgroup.",
    ),
    Item(
        "24",
        "Model updating",
        "The updated model and its performance.",
        None,
        "The report updates nothing; updates made elsewhere are to be filled in.",
    ),
)

DISCUSSION = (
    Item(
        "25",
        "Interpretation",
        "What the results mean, for fairness too, beside the objectives and earlier studies.",
        "summary",
        "What was found, in plain language, with the subgroups that the model fails.",
        "What that means for the objectives, for fairness of care, and beside earlier studies.",
    ),
    Item(
        "26",
        "Limitations",
        "Limits of the study, and what they do to bias, uncertainty and generalisability.",
        "limits",
        "What the report cannot say: internal validation alone, the outcome as recorded, few events, chance.",
        "Limits that only the hospital knows, such as who is missing from the data.",
    ),
    Item(
        "27a",
        "Usability",
        "How poor or absent input is to be noticed and handled in use.",
        "model",
        "What the model makes of a missing value.",
        "How poor or late input is noticed in use, and what then happens.",
    ),
    Item(
        "27b",
        "Usability",
        "Whether users handle the input or the model, and what they must be able to do.",
        None,
        "Not in the data: to be filled in.",
    ),
    Item(
        "27c",
        "Usability",
        "Next steps of research, for applicability and generalisability.",
        None,
        "To be filled in; the limits name what internal validation leaves open.",
    ),
)

ITEMS = (*INTRODUCTION, *DATA_AND_PARTICIPANTS, *METHODS, *OPEN_SCIENCE, *RESULTS, *DISCUSSION)
