"""Common parts of the three forms of December 2025."""

from typing import Final

from catalograph.catalogue.query import Sections
from catalograph.upstream.versions.dialect import Comparison, Dialect, Parameter

RELEASE: Final = "2025-12"
ADDRESS: Final = "https://api.ai-stats.phaseo.app/v1"
KEY_PREFIXES: Final = ("aistats_v1_k_",)

_GATEWAY: Final = Sections(gateway=True)

SECTIONED_DIALECT: Final = Dialect(
    parameters={
        "providers": (Parameter(name="provider", narrows=_GATEWAY),),
        "organisations": (Parameter(name="organisation"),),
        "endpoints": (Parameter(name="include_endpoints"),),
        "exclude_endpoints": (Parameter(name="exclude_endpoints"),),
        "input_modalities": (
            Parameter(name="input_types", compares=Comparison.CASELESS),
        ),
        "output_modalities": (
            Parameter(name="output_types", compares=Comparison.CASELESS),
        ),
        "include_rumoured": (Parameter(name="include_rumoured"),),
        "include_deprecated": (Parameter(name="include_deprecated"),),
        "include_retired": (Parameter(name="include_retired"),),
    },
    section_switches={"data": "include_data", "gateway": "include_gateway"},
)
"""Of the form with sections. Also assumed for the documented form, which was never observed."""

FLAT_DIALECT: Final = Dialect(
    parameters={
        "organisations": (Parameter(name="organisation"),),
        "endpoints": (Parameter(name="endpoints"),),
        "input_modalities": (
            Parameter(name="input_types", compares=Comparison.CASELESS),
        ),
        "output_modalities": (
            Parameter(name="output_types", compares=Comparison.CASELESS),
        ),
    },
)
"""Of the flat form: it has fewer parameters, and none of them narrows a section."""
