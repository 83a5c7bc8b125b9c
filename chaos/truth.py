"""The real catalogue: a pure function of time, so that every process can compute it."""

from typing import Any

import msgspec

MODELS = 600
"""Number of models in version 0, which fill three pages of the upstream."""

_GROWS_BY = 40
PROVIDERS = 7


class Truth(msgspec.Struct, frozen=True):
    """A catalogue that changes every few seconds.

    The name of each model contains the version. Neighbouring versions differ in size, so a
    crawl that mixes pages of two versions notices it.

    Attributes:
        epoch_s: Unix time at which version 0 begins.
        period_s: Seconds that each version lasts.
    """

    epoch_s: float
    period_s: float

    def version_at(self, time_s: float) -> int:
        """Return the version that the upstream serves at a Unix time."""
        return max(0, int((time_s - self.epoch_s) / self.period_s))

    @staticmethod
    def count_models(version: int) -> int:
        """Return the number of models of a version."""
        return MODELS + version % _GROWS_BY

    @staticmethod
    def name(number: int, version: int) -> str:
        """Return the name of a model in a version."""
        return f"Model {number:04d} v{version}"

    @staticmethod
    def model_id(number: int) -> str:
        """Return the id of a model, which is the same in all versions."""
        return f"maker-{number % 20}/model-{number:04d}"

    def build_models(self, version: int) -> list[dict[str, Any]]:
        """Build the whole catalogue, in the format of the demo upstream with sections."""
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
        # Each model is one day older than the one before: the upstream lists newest first.
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
