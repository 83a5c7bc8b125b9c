"""What the catalogue is at each moment: a pure function of time, so that anybody can tell."""

from typing import Any

import msgspec

MODELS = 600
"""In version 0; three pages of the upstream."""

_GROWS_BY = 40
PROVIDERS = 7


class Truth(msgspec.Struct, frozen=True):
    """A catalogue that changes every few seconds.

    The name of each model carries the version, and no two neighbouring versions are of the
    same size, so that a reading of pages from two of them is not taken for a whole.

    Attributes:
        epoch_s: Unix time at which version 0 begins.
        period_s: How long each version lasts.
    """

    epoch_s: float
    period_s: float

    def version_at(self, time_s: float) -> int:
        """The version that the upstream serves at a moment."""
        return max(0, int((time_s - self.epoch_s) / self.period_s))

    @staticmethod
    def count_models(version: int) -> int:
        """How many models a version has."""
        return MODELS + version % _GROWS_BY

    @staticmethod
    def name(number: int, version: int) -> str:
        """What a model is called in a version."""
        return f"Model {number:04d} v{version}"

    @staticmethod
    def model_id(number: int) -> str:
        """What a model is called in all of them."""
        return f"maker-{number % 20}/model-{number:04d}"

    def build_models(self, version: int) -> list[dict[str, Any]]:
        """The whole catalogue, as the sectioned upstream stores it."""
        return [
            self._build_model(number, version)
            for number in range(self.count_models(version))
        ]

    def _build_model(self, number: int, version: int) -> dict[str, Any]:
        maker = f"maker-{number % 20}"
        provider = f"provider-{number % PROVIDERS}"
        row = {
            "api_provider_id": provider,
            "api_provider_name": provider.title(),
            "link": None,
            "country_code": "US",
            "endpoint": "chat.completions",
            "provider_model_slug": None,
            "input_modalities": ["text"],
            "output_modalities": ["text"],
        }
        # Day after day backwards: the upstream lists the youngest first.
        year, day = 2025 - number // 336, number % 336
        return {
            "model_id": self.model_id(number),
            "name": self.name(number, version),
            "release_date": f"{year}-{12 - day // 28:02d}-{28 - day % 28:02d}T00:00:00",
            "status": "Available",
            "organisation": {
                "organisation_id": maker,
                "name": maker.title(),
                "country_code": "US",
            },
            "aliases": [],
            "data": {"input_types": ["text"], "output_types": ["text"]},
            "gateway": {"providers": [row]},
        }
