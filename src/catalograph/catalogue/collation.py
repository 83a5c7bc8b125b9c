"""The order of names: close to Unicode's root collation, by which the upstream sorts."""

import string
import unicodedata

# In the root collation order of Unicode; dashes and quotation marks follow their ASCII forms.
_BEFORE_LETTERS = (
    " _-\N{EN DASH}\N{EM DASH},;:!?\N{HORIZONTAL ELLIPSIS}."
    "'\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
    '"\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}'
    "()[]{}@*/\\&#%`^+<=>|~$" + string.digits
)

# Weights lie below the code points of letters. Letters keep their code points: Latin, Greek,
# Cyrillic and Han have the same order in the root collation as in Unicode.
_WEIGHTS = {ord(character): weight for weight, character in enumerate(_BEFORE_LETTERS)}


def collation_key(text: str) -> tuple[str, str]:
    """Build a key that sorts names as the upstream does.

    White space comes before punctuation, punctuation before digits, digits before
    letters. Case does not count; accents count only between names that are equal
    without them. Equal keys do not mean equal texts: break ties by the model id.

    Returns:
        The weights of the base characters, then the accents.
    """
    lowered = text.lower()
    if lowered.isascii():
        return lowered.translate(_WEIGHTS), ""
    bases: list[str] = []
    accents: list[str] = []
    for character in unicodedata.normalize("NFD", lowered):
        is_accent = unicodedata.combining(character)
        accents.append(character if is_accent else " ")
        if not is_accent:
            bases.append(character)
    return "".join(bases).translate(_WEIGHTS), "".join(accents).rstrip()
