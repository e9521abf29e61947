"""A section of which nothing may be shown."""

from clinflu.findings.document import Section, Words
from clinflu.findings.material import Material
from clinflu.findings.titles import TITLES


def not_judged(material: Material, key: str) -> Section:
    """Return a section that says why no figure of the model may be shown."""
    return Section(key, TITLES[key], (Words((material.not_judged,)),))
