"""Equal models are one object."""

import datetime
import gc

import msgspec

from catalograph.catalogue.records import Model, ModelData
from catalograph.data.interning import Interner


def build(name: str) -> Model:
    return Model(model_id="lab/one", name=name, release_date=datetime.date(2025, 1, 1))


def test_equal_models_become_the_first_of_them() -> None:
    interner = Interner()
    (first,) = interner.intern([build("One")])

    (again,) = interner.intern([build("One")])

    assert again is first


def test_a_model_that_changed_stays_itself() -> None:
    interner = Interner()
    (first,) = interner.intern([build("One")])

    (changed,) = interner.intern([build("Two")])

    assert (first.name, changed.name) == ("One", "Two")


def test_a_model_with_other_sections_is_another() -> None:
    interner = Interner()
    bare = build("One")
    with_data = msgspec.structs.replace(bare, data=ModelData())

    assert interner.intern([bare, with_data]) == (bare, with_data)


def test_what_nobody_holds_is_forgotten() -> None:
    interner = Interner()
    interner.intern([build("One")])
    gc.collect()
    changed = build("Two")

    assert interner.intern([changed])[0] is changed
