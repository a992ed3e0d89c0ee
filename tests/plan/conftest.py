"""The smallest plan, a place to write one, and the messages of one that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from honestlift.errors import PlanError
from honestlift.plan import read_plan


@pytest.fixture
def minimal() -> str:
    return """\
data: users.parquet
unit: user_id
design:
  kind: cluster
  cluster: workspace_id
  treatment: treated
metrics:
  - session_minutes
"""


@pytest.fixture
def write(tmp_path: Path):
    def put(text: str) -> Path:
        path = tmp_path / "plan.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return put


@pytest.fixture
def refuse(write, tmp_path: Path):
    """The messages of a plan that is refused, one per problem, with the folder left out."""

    def messages(text: str) -> list[str]:
        with pytest.raises(PlanError) as caught:
            read_plan(write(text))
        return str(caught.value).replace(f"{tmp_path}/", "").split("\n")

    return messages
