"""The published scenario on disk, once per test process: its rows, its plan and its result; and how tests of engines are dealt out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from pyarrow.parquet import write_table

from honestlift.simulate import collaboration

# the same examples on every machine; `pytest --hypothesis-profile default` searches among new ones
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

PLAN = """\
name: AI meeting notes
data: users.parquet
unit: user_id
design:
  kind: cluster
  cluster: workspace_id
  treatment: treated
  exposure: {column: spillover_exposed}
metrics:
  - {name: Session minutes, column: session_minutes_obs, better: higher, role: primary}
seed: 42
bootstrap: 500
"""


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with users.parquet and plan.yaml of the published collaboration scenario; nothing is to be written into it."""
    folder = tmp_path_factory.mktemp("published")
    write_table(collaboration().table, folder / "users.parquet")
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of the tests of engines, those of Spark in one process and all others beside them (``-n 2``), so that no server is started twice."""
    if config.option.markexpr != "engine":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByServer(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "spark" if "spark" in nodeid else "others"

    return ByServer(config, log)
