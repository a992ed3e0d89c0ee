"""The answer on a terminal: verdict first, naive beside honest, checks last, at any width and whatever the names are."""

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

import honestlift as hl
from honestlift.report.terminal import as_text, renderable
from studies import answer, frame, make_check, make_estimate, make_lift

HOSTILE = "\x1b[31mred\x07 [bold]b[/bold] [/] \u202eabc 🎉👩\u200d👩\u200d👧 分析 " + "x" * 300


def drawn(lift: hl.Lift, width: int, **console: Any) -> list[str]:
    paper = io.StringIO()
    Console(file=paper, width=width, highlight=False, legacy_windows=False, **console).print(renderable(lift))
    return paper.getvalue().splitlines()


def test_the_order_is_verdict_numbers_checks_data():
    lift = make_lift(
        estimates=(make_estimate(method="naive_ols", headline=False, std_error=0.1), make_estimate()),
        checks=(make_check(level="stop", code="bad", remedy="Mend it."), make_check()),
    )
    text = as_text(lift)
    places = [
        text.index(s) for s in ("Supported.", "(naive)", "◆ users, by workspace", "✗ bad", "✓ passed", "6 users in 4 workspaces")
    ]
    assert places == sorted(places)
    assert "→ Mend it." in text


def test_an_estimate_has_its_numbers_on_its_line():
    line = next(line for line in as_text(make_lift(), 120).splitlines() if "◆" in line)
    cells = ["users, by workspace", "+1.00", "+0.20 to +1.80", "+10 %", "0.400", "│  ──────────◆───────────"]
    assert " ".join(line.partition("◆")[2].split()) == " ".join(" ".join(cells).split())


def test_variants_stand_under_their_method():
    lift = make_lift(
        estimates=(make_estimate(), make_estimate(method="user_ols:bootstrap", headline=False, conf_low=0.3, conf_high=1.5))
    )
    assert "percentile bootstrap +0.30 to +1.50" in as_text(lift)


@pytest.mark.parametrize("relative", [(0.1, None, None), (None, None, None)])
def test_a_share_of_a_mean_that_may_be_zero_is_not_shown(relative: tuple[float | None, float | None, float | None]):
    share = hl.Relative(estimate=relative[0], conf_low=relative[1], conf_high=relative[2])
    assert "%" not in next(
        line for line in as_text(make_lift(estimates=(make_estimate(relative=share),))).splitlines() if "◆" in line
    )


def test_nothing_undefined_breaks_it():
    nothing = {"estimate": None, "std_error": None, "df": None, "p_value": None, "conf_low": None, "conf_high": None}
    empty = make_estimate(**nothing, relative=hl.Relative(estimate=None, conf_low=None, conf_high=None))
    assert "–" in as_text(make_lift(estimates=(empty,), checks=()))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 116, 119, 200])
def test_numbers_are_never_glued_and_lines_fit(width: int):
    f = frame(effect=2.0).assign(minutes=lambda d: d.minutes * 1e5)
    lines = drawn(answer(f, bootstrap=20, exposure=hl.Exposure(column="exposed")), width, no_color=True)
    assert all(cell_len(line) <= width for line in lines)
    if width >= 80:
        head = next(line for line in lines if "estimate" in line)
        row = next(line for line in lines if "◆ users" in line)
        assert row.index("users, by workspace") + len("users, by workspace") < head.index("estimate")
        assert "interval" in head
        low, _, high = row.split("workspace")[1].split()[1:4]
        assert low[0] in "+−"
        assert high[0] in "+−"


def test_a_wide_terminal_has_the_strip_and_a_narrow_one_does_not():
    assert any("◆──" in line for line in drawn(make_lift(), 140))
    assert not any("◆──" in line for line in drawn(make_lift(), 100))


@pytest.mark.parametrize("scale", [1e-60, 1e-9, 1.0, 1e6, 1e12, 1e60])
def test_columns_stay_apart_at_any_magnitude(scale: float):
    f = frame().assign(minutes=lambda d: d.minutes * scale)
    for line in as_text(answer(f), 130).splitlines():
        if "◆" in line and "users" in line:
            assert len(line.split("◆")[1].split("workspace")[1].split()) >= 6
        assert len(line) <= 130


@pytest.mark.parametrize("width", [30, 80, 140])
@pytest.mark.parametrize("colour", [True, False])
def test_hostile_names_stay_text(width: int, colour: bool):
    f = frame(20, [200] + [8] * 19).assign(workspace=lambda d: [f"{HOSTILE} {w}" for w in d.workspace])
    lift = answer(
        f.rename(columns={"minutes": HOSTILE, "exposed": "[red]e\x1b["}),
        [hl.Mean(HOSTILE), hl.Mean("before", name=HOSTILE + "2", role="guardrail")],
        name=HOSTILE,
        exposure=hl.Exposure(column="[red]e\x1b["),
    )
    lines = drawn(lift, width, no_color=not colour, force_terminal=colour, color_system="truecolor" if colour else None)
    text = "\n".join(lines)
    assert "\x07" not in text
    assert "\u202e" not in text
    if not colour:
        assert "\x1b" not in text
        assert "[bold]b[/bold]" in text.replace("\n", "") or width == 30
        assert all(cell_len(line) <= width for line in lines)
    assert "\x1b[31mred" not in text
    assert hl.Lift.from_dict(lift.to_dict()) == lift


def test_plain_text_has_no_colour_and_no_trailing_blanks():
    text = as_text(make_lift())
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_what_was_left_out_is_said():
    data = {**make_lift().data, "dropped": {"arm is pilot": 120, "minutes missing, treated": 3}}
    assert "left out: arm is pilot (120) and minutes missing, treated (3)" in as_text(make_lift(data=data))


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "JUPYTER_COLUMNS"])
def test_text_stays_plain_where_a_terminal_is_pretended(variable: str, monkeypatch: pytest.MonkeyPatch):
    """A notebook's kernel asks every program for colours; a printed Lift is text there too."""
    told = as_text(make_lift())
    monkeypatch.setenv(variable, "1")
    assert as_text(make_lift()) == told
    assert "\x1b" not in told


def test_what_the_number_rests_on_stands_below_the_checks():
    text = " ".join(as_text(answer(frame().assign(used=lambda d: d.user % 2), uptake="used")).split())
    assert "The number rests on " in text[text.index("✓ passed") :]
    assert "✗ violated There is one version of the feature, and control workspaces are without it use_in_control" in text
    assert "✓ holds: each workspace is wholly in one arm" in text
    assert "rests on" not in as_text(make_lift(ledger=()))
