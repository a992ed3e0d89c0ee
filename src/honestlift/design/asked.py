"""A study of any kind."""

from __future__ import annotations

from honestlift.design.opt_in import OptInStudy
from honestlift.design.study import Study
from honestlift.design.waves import WavesStudy

AnyStudy = Study | OptInStudy | WavesStudy
"""A cluster experiment, users who chose, or a roll-out in waves."""
