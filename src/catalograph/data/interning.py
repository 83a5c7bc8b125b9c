"""Interning: equal models of different pages are one object.

Pages overlap, and most models do not change from one refresh to the next. One object for
all of them saves memory, and lets caches that are keyed by identity hit.
"""

from collections.abc import Iterable
from typing import TypeAlias
from weakref import WeakValueDictionary

from catalograph.catalogue.records import Model

_Key: TypeAlias = tuple[str, bool, bool]


class Interner:
    """Weak references to all live models, by id and sections."""

    def __init__(self) -> None:
        self._models: WeakValueDictionary[_Key, Model] = WeakValueDictionary()

    def intern(self, models: Iterable[Model]) -> tuple[Model, ...]:
        """Replace models by known equal objects."""
        return tuple(map(self._intern, models))

    def _intern(self, model: Model) -> Model:
        key = (model.model_id, model.data is None, model.gateway is None)
        known = self._models.get(key)
        if known is not None and known == model:
            return known
        self._models[key] = model
        return model
