"""Query parameters as the upstream reads them: invalid values become defaults, not errors."""

import decimal
import math
import re
import urllib.parse

import msgspec

_DEFAULT_LIMIT = 50
_MAX_LIMIT = 250

_FALSE = frozenset({"false", "0", "no", "off"})

_SEPARATORS = re.compile(r"[\s,]+")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_PREFIXED = re.compile(
    r"0(x[0-9a-f]+|b[01]+|o[0-7]+)",
    re.ASCII | re.IGNORECASE,
)

# JavaScript prints numbers from the first and below the second one with an exponent.
_EXPONENT_FROM = 1e21
_EXPONENT_BELOW = 1e-6


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The normalised parameters of one list request. An empty list restricts nothing.

    Attributes:
        limit: 1 to 250.
        offset: A whole number from 0; a float, because it has no upper bound.
    """

    providers: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    include_endpoints: tuple[str, ...] = ()
    exclude_endpoints: tuple[str, ...] = ()
    input_types: tuple[str, ...] = ()
    output_types: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    dropped_statuses: tuple[str, ...] = ()
    data: bool = True
    gateway: bool = True
    limit: int = _DEFAULT_LIMIT
    offset: float = 0.0


class Parameters:
    """The decoded parameters of one request, by name and in order.

    Args:
        query_string: Undecoded, without the question mark.
    """

    def __init__(self, query_string: str) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in urllib.parse.parse_qsl(query_string, keep_blank_values=True):
            self._values.setdefault(name, []).append(value)

    def read_list(self, *names: str) -> tuple[str, ...]:
        """Split the values of all these parameters into items; empty when there are none."""
        return tuple(
            item
            for name in names
            for value in self._values.get(name, ())
            for item in split_list(value)
        )

    def read_types(self, *names: str) -> tuple[str, ...]:
        """Read a list whose values are compared without case."""
        return tuple(item.lower() for item in self.read_list(*names))

    def read_word(self, name: str) -> str:
        """Read the first value without case and surrounding white space."""
        return self.read_first(name).strip().lower()

    def read_boolean(self, name: str) -> bool:
        """Read the first value as a switch; see `parse_boolean`."""
        return parse_boolean(self.read_first(name))

    def read_limit(self) -> int:
        """Read `limit`; see `parse_limit`."""
        return parse_limit(self.read_first("limit"))

    def read_offset(self) -> float:
        """Read `offset`; see `parse_offset`."""
        return parse_offset(self.read_first("offset"))

    def read_first(self, name: str) -> str:
        """Read the first value as it is; empty when there is none."""
        return self._values.get(name, [""])[0]

    def __contains__(self, name: str) -> bool:
        """Tell whether a parameter is given, even if empty."""
        return name in self._values


def split_list(value: str) -> list[str]:
    """Split at commas and white space, but `{a,b}` and `{"a","b"}` only at commas."""
    trimmed = value.strip()
    if trimmed.startswith("{") and trimmed.endswith("}"):
        items = (item.strip().strip('"') for item in trimmed[1:-1].split(","))
        return [item for item in items if item]
    return [item for item in _SEPARATORS.split(trimmed) if item]


def parse_boolean(value: str) -> bool:
    """Read a switch: false for `false`, `0`, `no` and `off`, otherwise true."""
    return value.strip().lower() not in _FALSE


def parse_number(value: str) -> float:
    """Read a number as JavaScript's `Number()` does; NaN if invalid, 0 if blank."""
    trimmed = value.strip()
    if not trimmed:
        return 0.0
    if _PREFIXED.fullmatch(trimmed):
        try:
            return float(int(trimmed, 0))
        except OverflowError:
            return math.inf
    if trimmed in {"Infinity", "+Infinity", "-Infinity"} or _DECIMAL.fullmatch(trimmed):
        return float(trimmed)
    return math.nan


def parse_limit(value: str) -> int:
    """Read a limit, at most 250; 50 if it is below 1, infinite or not a number."""
    number = parse_number(value)
    if not math.isfinite(number) or number < 1:
        return _DEFAULT_LIMIT
    return min(int(number), _MAX_LIMIT)


def parse_offset(value: str) -> float:
    """Read an offset, without its fraction; 0 if it is negative, infinite or not a number."""
    number = parse_number(value)
    if not math.isfinite(number) or number < 0:
        return 0.0
    return float(math.floor(number))


def print_number(number: float) -> str:
    """Print a whole number as JavaScript does: from 1e21 on with an exponent."""
    if number >= _EXPONENT_FROM:
        return repr(number)
    return f"{decimal.Decimal(repr(number)):.0f}"


def print_decimal(number: float) -> str:
    """Print a number of 0 or more as JavaScript does: `0.00001`, but `1e-7`."""
    if 0 < number < _EXPONENT_BELOW:
        digits, _, exponent = f"{decimal.Decimal(repr(number)):e}".partition("e-")
        return f"{digits}e-{int(exponent)}"
    return f"{decimal.Decimal(repr(number)).normalize():f}"
