"""interference: the comparison of two results on the terminal and as JSON, and results that cannot be compared."""

import json
from pathlib import Path

from studies import make_estimate, make_lift


def test_two_results_are_compared(cli, tmp_path: Path):
    for name, effect in (("a", 1.0), ("b", 0.2)):
        lift = make_lift(estimates=(make_estimate(estimate=effect, std_error=0.2),))
        (tmp_path / f"{name}.json").write_text(lift.to_json(), encoding="utf-8")
    ended = cli("interference", tmp_path / "a.json", tmp_path / "b.json")
    assert ended.code == 0
    assert "Z = +2.83" in ended.out
    assert "→ Believe the workspaces" in ended.out
    found = json.loads(cli("interference", tmp_path / "a.json", tmp_path / "b.json", "--json").out)
    assert (found["code"], found["level"]) == ("interference", "caution")
    assert abs(found["evidence"]["z"] - 0.8 / 0.08**0.5) < 1e-12
    ended = cli("interference", tmp_path / "a.json", tmp_path / "b.json", "--metric", "nothing")
    assert ended.code == 2
    assert "Expected one of ['minutes']" in ended.err
