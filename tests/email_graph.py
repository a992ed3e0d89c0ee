"""The e-mail graph of tests/data: 1,005 people in 42 departments, and who mails whom."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

import honestlift as hl

FOLDER = Path(__file__).parent / "data" / "email_eu_core"


def collaboration() -> tuple[hl.Collaboration, list[tuple[int, int]], dict[int, int]]:
    """The graph, its edges as they stand in the file, and the department of each person."""
    with (FOLDER / "departments.csv").open() as file:
        department = {int(row["person"]): int(row["department"]) for row in csv.DictReader(file)}
    with (FOLDER / "edges.csv").open() as file:
        edges = [(int(row["source"]), int(row["target"])) for row in csv.DictReader(file)]
    homes = np.unique([department[p] for p in range(len(department))], return_inverse=True)[1].astype(np.int64)
    ends = np.array(edges)
    return hl.Collaboration(workspace=homes, source=ends[:, 0], target=ends[:, 1]), edges, department
