"""What is made and committed in docs/ is what would be made now: the table of plan keys and the schematics."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from docs.make import ledger, plan_keys, schematics, speed

ROOT = Path(__file__).parents[2]


def keys(section: dict[str, Any], sections: dict[str, Any]) -> set[str]:
    """The last part of every key of a section and of those that it refers to, found without the code of the table."""
    found = set(section.get("properties", {}))
    for name in re.findall(r"#/\$defs/(\w+)", json.dumps(section)):
        found |= keys(sections[name], sections)
    return found


@pytest.mark.parametrize(("name", "title"), plan_keys.PLANS.items())
def test_the_table_has_every_key_of_the_schema_that_is_printed(name: str, title: str):
    printed = subprocess.run([sys.executable, "-m", "honestlift", "schema"], capture_output=True, check=True, encoding="utf-8")
    sections = json.loads(printed.stdout)["$defs"]
    part = plan_keys.PAGE.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith(("| `", "| **"))]
    told = {line.split("`")[1].rsplit(".", 1)[-1].removesuffix("[]") for line in rows}
    assert told == keys(sections[name], sections)
    assert not [line for line in rows if re.search(r"\|\s*\|$", line)], "every key says what it is"


def test_the_page_is_made_from_the_schema_of_today():
    assert plan_keys.PAGE.read_text(encoding="utf-8") == plan_keys.page(), "run `make regenerate` and commit what it made"


def test_the_page_of_assumptions_is_made_from_the_rows_of_today():
    assert ledger.PAGE.read_text(encoding="utf-8") == ledger.page(), "run `make regenerate` and commit what it made"


def test_the_page_of_speed_is_made_from_the_newest_records():
    assert speed.PAGE.read_text(encoding="utf-8") == speed.page(), "run `make regenerate` and commit what it made"


@pytest.mark.parametrize("dark", [False, True])
def test_the_figure_of_speed_is_drawn_from_them(dark: bool):
    kept = (speed.FIGURES / f"speed-{'dark' if dark else 'light'}.svg").read_bytes()
    assert kept == speed.svg(dark=dark) + b"\n", "run `make regenerate` and commit what it made"


def test_every_missed_target_says_why():
    cases = [case for record in speed.records().values() for case in record["cases"] if case["met"] is False]
    assert not [case["case"] for case in cases if not case["case"].startswith(tuple(speed.WHY))]


@pytest.mark.parametrize("name", schematics.SCHEMATICS)
@pytest.mark.parametrize("dark", [False, True])
def test_a_schematic_is_what_its_script_draws(name: str, dark: bool):
    kept = (schematics.HERE / f"{name}-{'dark' if dark else 'light'}.svg").read_bytes()
    assert kept == schematics.svg(name, dark=dark) + b"\n", "run `make regenerate` and commit what it made"
    assert len(kept) < 100_000


@pytest.mark.parametrize("name", schematics.SCHEMATICS)
def test_a_schematic_has_real_text_and_its_pattern_in_words(name: str):
    root = ET.fromstring(schematics.svg(name, dark=False))
    words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert len(words) > 8
    pages = [p for p in (ROOT / "docs").rglob("*.md") if f"figures/{name}-light.svg" in p.read_text(encoding="utf-8")]
    assert len(pages) == 1
    alt = re.search(rf'{name}-light\.svg" alt="([^"]+)"', pages[0].read_text(encoding="utf-8"))
    assert alt is not None
    assert len(alt[1]) > 80, "the pattern in words, for those who cannot see it"
