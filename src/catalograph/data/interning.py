"""Equal models are one object, whichever page they came in.

Pages overlap, and most models do not change from one refresh to the next. One object for
all of them saves memory, and whatever is remembered of an object by its identity.
"""

from collections.abc import Iterable
from typing import TypeAlias
from weakref import WeakValueDictionary

from catalograph.catalogue.records import Model

_Key: TypeAlias = tuple[str, bool, bool]


class Interner:
    """Knows the models that something else still holds, by id and sections."""

    def __init__(self) -> None:
        self._models: WeakValueDictionary[_Key, Model] = WeakValueDictionary()

    def intern(self, models: Iterable[Model]) -> tuple[Model, ...]:
        """Put known objects in the place of models equal to them."""
        return tuple(map(self._intern, models))

    def _intern(self, model: Model) -> Model:
        key = (model.model_id, model.data is None, model.gateway is None)
        known = self._models.get(key)
        if known is not None and known == model:
            return known
        self._models[key] = model
        return model
