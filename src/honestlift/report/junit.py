"""Results at the gate as JUnit XML, which every continuous integration shows: a suite per result, a test case per thing it says."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

from honestlift.report.decision import Case, Gate

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {"fail": "failure", "unsettled": "error", "aside": "skipped"}


def junit(gates: Mapping[str, Gate]) -> bytes:
    """The XML of results by the name of their file.

    What is harmful, breached or stopped is a ``failure``, what is not settled an ``error``, bad news about a number that decides
    nothing ``skipped``; each with its sentence.
    """
    root = ET.Element("testsuites", {"name": "honestlift gate", **_counts([c for g in gates.values() for c in g.cases])})
    for source, gate in gates.items():
        suite = ET.SubElement(root, "testsuite", {"name": _text(f"{gate.study} ({source})"), **_counts(gate.cases)})
        for case in gate.cases:
            _case(suite, gate, case)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    count = {outcome: str(sum(c.outcome == outcome for c in cases)) for outcome in _TAGS}
    return {"tests": str(len(cases)), "failures": count["fail"], "errors": count["unsettled"], "skipped": count["aside"]}


def _case(suite: ET.Element, gate: Gate, case: Case) -> None:
    group = f"honestlift.{case.group}"
    element = ET.SubElement(suite, "testcase", classname=group, name=_text(case.name))
    said = f"{case.statement}\n{case.remedy}" if case.remedy else case.statement
    if case.outcome == "pass":
        ET.SubElement(element, "system-out").text = _text(said)
        return
    kind = gate.level if case.group == "verdict" else {"fail": "failed"}.get(case.outcome, case.outcome)
    mark = ET.SubElement(element, _TAGS[case.outcome], message=_text(case.statement), type=kind)
    mark.text = _text(said)


def _text(text: str) -> str:
    """Text without the characters that XML has no way to hold; the writer escapes the rest."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
