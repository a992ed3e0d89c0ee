"""Bounds and wrong marks on the page and the terminal."""

import re

import honestlift as hl
from honestlift.report.html import report_html
from honestlift.report.reach import stated
from studies import answer, frame


def lift() -> hl.Lift:
    made = frame(30, 40, effect=0.8, seed=4)
    made["minutes"] += 0.4 * made["exposed"]
    wrong = hl.Misclassification(false_positive=(0, 0.35), false_negative=0.2)
    return answer(made, [hl.Mean("minutes", name="Minutes")], exposure=hl.Exposure(column="exposed", misclassification=wrong))


def test_every_row_of_the_primary_metric_is_on_the_page():
    made = lift()
    text = report_html(made)
    for section, table in (("leakage", "spillover_bounds"), ("wrong-marks", "misclassification")):
        block = text.split(f'<section id="{section}"')[1].split("</section>")[0]
        assert block.count("<tr") == 1 + len(made.tables[table].rows)
    assert "log before the launch who works with whom" in re.sub(r"\s+", " ", text)


def test_what_cannot_be_told_is_said():
    made = stated(lift())
    assert [row[3:] for row in made["leakage"][2] if row[:2] == ("1.00", "100 %")] == [("no bound", "–")]
    last = [row for row in made["wrong-marks"][2] if row[1] == "35 %"]
    assert [row[3:] for row in last] == [("cannot be", "cannot tell", "–")] * 2


def test_the_terminal_says_both():
    said = re.sub(r"\s+", " ", str(lift()))
    assert "If it leaks If 31 % of control users are marked as reached" in said
    assert "If marks are wrong Direct effect +0.74 as marked" in said
    assert "All are associations: nobody randomized who is marked." in said
    assert {row[0] for row in stated(lift())["wrong-marks"][2]} == {
        "Direct effect, an association", "Spillover, an association"
    }  # fmt: skip


def test_a_result_without_either_says_nothing():
    made = answer(frame(30, 40, seed=4), exposure=hl.Exposure(column="exposed", randomized=True))
    text = report_html(made)
    assert 'id="leakage"' not in text
    assert 'id="wrong-marks"' not in text
    assert "If it leaks" not in str(made)
