"""What every section of a plan has in common: only known keys, nothing converted; text, or a mapping that says more."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator

Text = Annotated[str, Field(min_length=1)]


def text_or_mapping(value: object) -> str | None:
    """Which of the two a value is, as the tag of a union."""
    return "(text)" if isinstance(value, str) else "(mapping)" if isinstance(value, (dict, BaseModel)) else None


SHORT_OR_LONG = Discriminator(text_or_mapping, custom_error_type="either", custom_error_message="Expected text or a mapping")


class Section(BaseModel):
    """A mapping of the plan: only known keys, nothing converted, an empty optional key the same as none."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        pairs = cast("dict[str, Any]", values).items()
        return {key: value for key, value in pairs if value is not None or key not in cls.model_fields}
