"""plot: every figure or those that are named, as SVG or PNG, light or dark; and the same from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import honestlift as hl
from honestlift.errors import ReportError
from honestlift.report.figures import figure_bytes, figures_of
from pages import exposed, hostile, plain

PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("result.json").write_text(exposed().to_json(), encoding="utf-8")
    return tmp_path


def test_all_figures_of_the_result_go_into_a_folder(cli):
    ended = cli("plot")
    assert ended.code == 0
    assert ended.out.splitlines() == [f"figures/{name}.svg" for name in figures_of(exposed())]
    assert len(ended.out.splitlines()) >= 3
    for name in figures_of(exposed()):
        assert Path(f"figures/{name}.svg").read_bytes() == figure_bytes(exposed(), name)
    assert "Drawing forest …" in ended.err


def test_named_ones_as_png_in_the_dark(cli):
    ended = cli(
        "plot", "result.json", "-f", "forest", "--format", "png", "--dark", "--narrow", "--dpi", "60", "--out", "a/b", "-q"
    )
    assert (ended.code, ended.out, ended.err) == (0, "a/b/forest-dark-narrow.png\n", "")
    assert Path("a/b/forest-dark-narrow.png").read_bytes() == figure_bytes(
        exposed(), "forest", "png", dark=True, narrow=True, dpi=60
    )
    assert [p.name for p in Path("a/b").iterdir()] == ["forest-dark-narrow.png"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nope.json"], "There is no result"),
        (["-f", "forrest"], "The result has no figure 'forrest', or not the numbers for it. Did you mean 'forest'?"),
        (["--format", "gif"], "gif"),
        (["--out", "result.json"], "result.json"),
    ],
)
def test_what_cannot_be_drawn_exits_2_and_leaves_nothing(cli, folder: Path, args: list[str], words: str):
    ended = cli("plot", *args)
    assert ended.code == 2
    assert words in ended.err
    assert [p.name for p in folder.iterdir()] == ["result.json"]


def test_a_figure_whose_numbers_the_result_lacks_is_named(cli):
    Path("plain.json").write_text(plain().to_json(), encoding="utf-8")
    lacking = [name for name in figures_of(exposed()) if name not in figures_of(plain())]
    for name in lacking:
        ended = cli("plot", "plain.json", "-f", name)
        assert ended.code == 2
        assert f"no figure {name!r}, or not the numbers" in ended.err


def test_hostile_names_are_drawn(cli):
    Path("result.json").write_text(hostile().to_json(), encoding="utf-8")
    assert cli("plot", "-q").code == 0
    assert all(b"<script" not in p.read_bytes() for p in Path("figures").iterdir())


@pytest.mark.parametrize("name", ["forest.svg", "forest.PNG"])
def test_from_python(name: str):
    hl.plot(exposed(), "forest", Path("new") / name, dpi=60)
    kind = "png" if name.lower().endswith("png") else "svg"
    assert (Path("new") / name).read_bytes() == figure_bytes(exposed(), "forest", kind, dpi=60)


def test_from_python_with_a_name_that_says_nothing():
    with pytest.raises(ReportError, match=r"'forest.pdf' has no ending .* \.svg, \.png"):
        hl.plot(exposed(), "forest", "forest.pdf")
    with pytest.raises(LookupError, match="forrest"):
        hl.plot(exposed(), "forrest", "forest.svg")
    assert not Path("forest.svg").exists()
