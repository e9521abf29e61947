"""The published case: from a wrong prediction to the four children that taught it, by what the screen says alone."""

import pytest
from browser.steps import WATCH, answered, assert_clean, open_what_if, settle, wait_for_explanation

pytestmark = [pytest.mark.browser, pytest.mark.uci]

PUBLISHED_ROW = 1742
AT_MOST_CLICKS = 3


@pytest.fixture(scope="module")
def case_server(uci_case_audit, serve_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("case") / "audit"
    uci_case_audit.save(folder)
    yield from serve_folder(folder)


def test_the_children_are_found_in_at_most_three_clicks(page, case_server, uci_case_audit):
    published = uci_case_audit
    study = published.study
    child = str(study.design.encounter_ids[study.split.audited[PUBLISHED_ROW]])
    frame = published.cohort.frame.iloc[study.split.train]
    children = list(frame.index[frame["age"] == "[0-10)"])
    names = {published.pseudonyms.encounter(one): one for one in children}
    page.goto(f"{case_server.url}/?token={case_server.token}", wait_until="commit")
    page.wait_for_selector("button.clinflu-row")
    page.evaluate(WATCH)
    page.get_by_label("Alert from a risk of").fill("50")  # as published: the likelier outcome is the prediction
    page.get_by_label("Alert from a risk of").press("Enter")
    page.get_by_label("Search").fill("[0-10)")
    row = page.locator("tr", has_text="Predicted 58.7 %, was not readmitted within 30 days")
    row.wait_for()
    assert "False alarm" in row.inner_text()
    clicks = 0

    name = row.locator("button").inner_text()
    assert name == published.pseudonyms.encounter(child)
    row.locator("button").click()
    clicks += 1
    wait_for_explanation(page, name)
    said = page.locator(".clinflu-patient").inner_text()
    assert "Half of what moves it comes from 2 past patients." in said
    page.get_by_role("button", name="Which past patients taught it this?").click()
    clicks += 1
    page.wait_for_selector(".clinflu-card .clinflu-refitted")
    assert clicks <= AT_MOST_CLICKS

    panel = page.locator(".clinflu-pastpatients")
    assert (
        "3 of these 10 share Age [0-10): 3 of the 4 such encounters in training were readmitted within 30 days."
        in panel.inner_text()
    )
    toward, against = (
        page.locator(f".clinflu-column[data-tone={tone}] .clinflu-card") for tone in ("toward", "against")
    )
    found = [toward.nth(place).inner_text() for place in range(3)] + [against.first.inner_text()]
    assert all("Age: [0-10) (as this patient)" in card for card in found)
    assert {one for card in found for one in names if one in card} == set(names)
    assert [("was readmitted" in card) for card in found] == [True, True, True, False]

    for name in names:
        page.get_by_label(f"Tick {name}").check()
    open_what_if(page)
    page.get_by_text("The past patients that you ticked (4)").wait_for()
    page.get_by_role("button", name="Refit", exact=True).click()
    assert answered(page) == "58.7 % → 44.4 %"
    assert "would no longer alert" in page.locator(".clinflu-answer").inner_text()
    settle(page)
    assert_clean(page)
