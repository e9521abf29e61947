"""Which loader reads a source, whose definition counts, and what is told where that is not clear."""

import importlib.metadata
import inspect
from types import SimpleNamespace

import pytest
from sources.hospital import simulated_hospital
from sources.writers import write_omop

from clinflu.data import HOSPITAL_WIDE, ReadmissionSpec
from clinflu.errors import LoaderError
from data_loaders import LOADERS, all_loaders, load, recognise
from data_loaders import loader as module
from data_loaders.loader import GROUP, registered
from data_loaders.readmission_option import OWN_LABEL, PRESETS, definition, takes_definition


class Ward:
    """A loader of another package."""

    def __init__(self, suffix=".ward"):
        self.suffix = suffix

    def recognises(self, source):
        """Whether the name ends so."""
        return source.suffix == self.suffix

    def load(self, source):
        """Return what was asked, instead of a cohort."""
        return "read", source.name


class WardOfStays(Ward):
    """A loader of another package that records stays."""

    def load(self, source, spec=None):
        """Return what was asked, instead of a cohort."""
        return "read", source.name, spec


@pytest.fixture
def install(monkeypatch):
    """Let packages be installed that register loaders."""

    def install_(**loaders):
        points = []
        for name, given in loaders.items():

            def get(given=given):
                if isinstance(given, BaseException):
                    raise given
                return given

            points.append(SimpleNamespace(name=name, load=get))
        monkeypatch.setattr(module, "entry_points", lambda group: points if group == "clinflu.loaders" else [])

    return install_


@pytest.fixture
def ward(tmp_path):
    """A file of another package's format."""
    path = tmp_path / "stays.ward"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def omop(tmp_path_factory):
    """A folder of stays."""
    folder = tmp_path_factory.mktemp("omop")
    write_omop(simulated_hospital(30, seed=2), folder)
    return folder


# Loaders of other packages


def test_the_group_is_that_of_real_entry_points():
    names = {point.name for point in importlib.metadata.entry_points(group=GROUP)}

    assert set(registered()) == names


def test_a_loader_of_another_package_is_one_of_all(install, ward):
    install(ward=Ward())

    assert list(all_loaders()) == ["ward", *LOADERS]
    assert recognise(ward) == "ward"
    assert load(path=ward) == load("ward", str(ward)) == ("read", "stays.ward")


def test_a_module_is_a_loader_too(install, ward):
    install(ward=SimpleNamespace(recognises=Ward().recognises, load=Ward().load))

    assert load(path=ward) == ("read", "stays.ward")


def test_no_package_takes_the_name_of_a_loader_of_ours(install):
    install(omop=Ward())

    assert all_loaders()["omop"] is LOADERS["omop"]


@pytest.mark.parametrize("fault", [ImportError("Xq7canary"), SyntaxError("Xq7canary"), RuntimeError("Xq7canary")])
def test_a_loader_that_cannot_be_imported(fault, install):
    install(ward=fault)

    with pytest.raises(LoaderError) as caught:
        load("simulated")

    told = str(caught.value)
    assert told.startswith(f"the loader 'ward' of another package cannot be imported ({type(fault).__name__}); mend")
    assert "Xq7canary" not in told
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("thing", [object(), SimpleNamespace(load=print), SimpleNamespace(recognises=print, load=1)])
def test_what_is_no_loader(thing, install):
    install(ward=thing)

    with pytest.raises(LoaderError, match=r"'ward' of another package has no recognises\(\) and load\(\); mend it"):
        all_loaders()


def test_the_command_line_tells_of_a_broken_package_in_one_line(install, ward, clinflu):
    install(ward=ImportError("Xq7canary"))

    code, out, err = clinflu("trace", "--data", ward)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "Xq7canary" not in err


# Which loader


def test_every_loader_offers_both_functions_and_recognises_nothing_in_nothing(tmp_path):
    for loader in LOADERS.values():
        assert callable(loader.load)
        assert loader.recognises(tmp_path) is False
        assert loader.recognises(tmp_path / "absent") is False


def test_a_source_that_several_loaders_recognise(install, ward):
    install(one=Ward(), two=Ward(), three=Ward(".other"))

    with pytest.raises(LoaderError, match=r"^one and two all recognise 'stays\.ward'; name one with --loader$"):
        load(path=ward)
    assert load("two", ward) == ("read", "stays.ward")


def test_a_source_that_no_loader_recognises(ward):
    with pytest.raises(LoaderError, match=r"no loader recognises 'stays\.ward'; name one with --loader \(.*omop"):
        load(path=ward)


def test_a_loader_that_does_not_exist(ward):
    with pytest.raises(LoaderError, match=r"no loader is called 'nothing'; there are: .*omop"):
        load("nothing", ward)


@pytest.mark.parametrize("name", [None, "omop", "table"])
def test_a_source_that_does_not_exist(name, tmp_path):
    with pytest.raises(LoaderError, match="there is no file or folder 'absent' there; check the path"):
        load(name, tmp_path / "absent")


# Whose definition


@pytest.mark.parametrize("name", LOADERS)
def test_only_loaders_of_stays_take_a_definition(name):
    takes = takes_definition(LOADERS[name])

    assert takes == ("spec" in inspect.signature(LOADERS[name].load).parameters)
    assert takes != (name in ("simulated", "diabetes130", "table", "parquet", "sql"))


def test_a_loader_of_another_package_takes_a_definition_if_it_says_so(install, ward):
    install(ward=WardOfStays())

    assert load(path=ward) == ("read", "stays.ward", None)
    assert load(path=ward, spec=HOSPITAL_WIDE) == ("read", "stays.ward", HOSPITAL_WIDE)


def test_a_definition_changes_the_label(omop):
    short, long = (load("omop", omop, ReadmissionSpec(window_days=days)) for days in (3, 300))

    assert short.outcome.sum() < long.outcome.sum()
    assert load("omop", omop, ReadmissionSpec()).content_hash == load("omop", omop).content_hash


def test_the_definition_is_part_of_the_provenance(omop):
    told = load("omop", omop, HOSPITAL_WIDE).provenance.definition

    assert told == HOSPITAL_WIDE.in_words()
    assert told[0].startswith("Hospital-wide 30-day readmission")


def test_a_source_of_stays_has_no_label_of_its_own(omop):
    with pytest.raises(LoaderError, match="'omop' records stays and no label of its own; leave the definition out"):
        load("omop", omop, OWN_LABEL)


def test_a_label_that_is_given_cannot_be_defined(small_csv):
    with pytest.raises(LoaderError, match="'diabetes130' brings its own label, which cannot be defined anew"):
        load("diabetes130", small_csv, HOSPITAL_WIDE)


def test_its_own_label_is_what_a_source_has_anyway(small_csv):
    assert load("diabetes130", small_csv, OWN_LABEL).content_hash == load("diabetes130", small_csv).content_hash


# --readmission


def test_the_presets():
    assert definition("unplanned") == ReadmissionSpec()
    assert definition("hospital-wide") == HOSPITAL_WIDE
    assert definition("own-label") == OWN_LABEL
    assert set(PRESETS) == {"unplanned", "hospital-wide"}


def test_a_name_that_is_no_preset():
    with pytest.raises(LoaderError) as caught:
        definition("unplaned")

    told = str(caught.value)
    assert told.startswith("no definition of a readmission is called 'unplaned'; there are: unplanned, hospital-wide, ")


def written(folder, content):
    path = folder / "mine.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


WHOLE = """
[readmission]
name = "any return within 14 days"
window_days = 14
calendar_days = false
transfer_hours = 12
gap_hours = 6.5
planned_count = true
after_death = "event"
unknown_follow_up = "excluded"
leave_out = ["hospice", "against advice"]
min_age_years = 18
admission_types = ["emergency", "urgent"]
"""


def test_a_definition_is_read_of_a_file(tmp_path):
    assert definition(written(tmp_path, WHOLE)) == ReadmissionSpec(
        name="any return within 14 days",
        window_days=14,
        calendar_days=False,
        transfer_hours=12,
        gap_hours=6.5,
        planned_count=True,
        after_death="event",
        unknown_follow_up="excluded",
        leave_out=("hospice", "against advice"),
        min_age_years=18,
        admission_types=("emergency", "urgent"),
    )


def test_what_a_file_leaves_out_is_as_by_default(tmp_path):
    assert definition(written(tmp_path, "[readmission]\nleave_out = []\n")) == ReadmissionSpec(leave_out=())


def test_the_defaults_themselves_can_be_written(tmp_path):
    for spec in (ReadmissionSpec(), HOSPITAL_WIDE):
        lines = [f"{key} = {_toml(value)}" for key, value in spec.to_dict().items() if value is not None]

        assert definition(written(tmp_path, "\n".join(["[readmission]", *lines]))) == spec


def _toml(value):
    return str(value).lower() if isinstance(value, bool) else repr(value)


MISTAKES = {
    "no section": ("window_days = 7", "mine.toml must hold one section, [readmission], and nothing else"),
    "another section": ("[readmission]\n[table]\n", "mine.toml must hold one section, [readmission], and nothing"),
    "a value as section": ("readmission = 7", "mine.toml must hold one section"),
    "several sections": ("[[readmission]]\n", "mine.toml must hold one section"),
    "nothing": ("", "mine.toml must hold one section"),
    "no toml": ("name 7", "mine.toml is not TOML at line 1"),
    "Latin-1": ("[readmission]\nname = 'é'".encode("latin-1"), "mine.toml is not UTF-8"),
    "an unknown key": ("window = 7", "mine.toml: a definition has no 'window'"),
    "a key misspelt": ("windw_days = 7", "a definition has no 'windw_days'; did you mean 'window_days'?"),
    "no window": ("window_days = 0", "the window of a readmission, in days,"),
    "half a day": ("window_days = 7.5", "the window of a readmission, in days,"),
    "a window as text": ("window_days = '30'", "the window of a readmission, in days,"),
    "a window as truth": ("window_days = true", "the window of a readmission, in days,"),
    "a window as list": ("window_days = [30]", "the window of a readmission, in days,"),
    "a window of ages": ("window_days = 40000", "the window of a readmission is at most 3,650 days"),
    "hours before": ("transfer_hours = -1", "the hours of a transfer must lie between 0 and the window"),
    "hours beyond": ("gap_hours = 1000", "the hours of a gap must lie between 0 and the window"),
    "hours that are none": ("gap_hours = nan", "the hours of a gap"),
    "hours as text": ("gap_hours = '6'", "the hours of a gap"),
    "truth as text": ("calendar_days = 'yes'", "calendar_days"),
    "truth as number": ("planned_count = 1", "planned_count"),
    "another death": ("after_death = 'ignored'", "a death after discharge is one of: no event, event, excluded"),
    "a death as list": ("after_death = ['event']", "a death after discharge is one of"),
    "another follow-up": ("unknown_follow_up = 'x'", "follow-up that is not known is one of: complete, excluded"),
    "another place": ("leave_out = ['the moon']", "where a patient went is one of: home, "),
    "a place as text": ("leave_out = 'hospice'", "mine.toml: leave_out must be a list of texts"),
    "places as number": ("leave_out = 7", "mine.toml: leave_out must be a list of texts"),
    "a place in a list": ("leave_out = [['hospice']]", "where a patient went is one of"),
    "another type": ("admission_types = ['x']", "a type of admission is one of: emergency, "),
    "no type": ("admission_types = []", "name at least one type of admission"),
    "a type as text": ("admission_types = 'urgent'", "mine.toml: admission_types must be a list of texts"),
    "an age below 0": ("min_age_years = -1", "the lowest age is a number of years of 0 or more"),
    "an age as text": ("min_age_years = '65'", "the lowest age"),
    "a name as number": ("name = 7", "mine.toml: name must be a text in quotes"),
    "no name": ("name = ' '", "mine.toml: name must be a text in quotes"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_with(mistake, tmp_path):
    content, told = MISTAKES[mistake]
    if isinstance(content, str) and " = " in content and mistake not in ("no section", "a value as section"):
        content = f"[readmission]\n{content}\n"

    with pytest.raises(LoaderError) as caught:
        definition(written(tmp_path, content))

    assert told in str(caught.value)
    assert str(caught.value) == caught.value.one_line


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LoaderError, match=r"absent\.toml cannot be read; check that it is there"):
        definition(str(tmp_path / "absent.toml"))


def test_the_command_line_takes_a_definition(omop, tmp_path, clinflu):
    path = written(tmp_path, "[readmission]\nwindow_days = 5000\n")

    code, out, err = clinflu("trace", "--data", omop, "--readmission", path)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "mine.toml: the window of a readmission is at most 3,650 days" in err


def test_the_command_line_refuses_a_definition_of_what_is_invented(clinflu):
    code, _, err = clinflu("trace", "--readmission", "hospital-wide")

    assert code == 2
    assert "'simulated' brings its own label" in err


def test_the_command_line_refuses_a_label_that_a_source_does_not_have(omop, clinflu):
    code, _, err = clinflu("trace", "--data", omop, "--readmission", "own-label")

    assert (code, err.count("\n")) == (2, 1)
    assert "'omop' records stays and no label of its own" in err


def test_a_definition_that_fits_nobody(tmp_path):
    hospital = simulated_hospital(20, seed=2)
    hospital.patients["year"] = 1994  # so that none is 65
    write_omop(hospital, tmp_path)

    with pytest.raises(LoaderError, match="none is at risk of a readmission as it is defined; check the definition"):
        load("omop", tmp_path, HOSPITAL_WIDE)
