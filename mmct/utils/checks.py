"""Numbers that people set, seen to before they do harm."""
from numbers import Integral, Real


def check_number(name: str, value, interval: str, whole: bool = False) -> None:
    """ValueError if the setting ``name`` is not a number, perhaps a whole one, in an interval,
    written '(0, 1]' or '[1, inf)'."""
    low, high = (float(end) for end in interval[1:-1].split(','))
    fits = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if fits:
        above = value > low if interval[0] == '(' else value >= low
        fits = above and (value < high if interval[-1] == ')' else value <= high)
    if not fits:
        raise ValueError(f'{name}={value!r} must be in {interval}'
                         + (', a whole number' if whole else ''))


def check_numbers(name: str, values, interval: str, count: int | None = None,
                  whole: bool = False) -> None:
    """See that all numbers of a list lie in an interval, and, with ``count``, how many they are."""
    if not isinstance(values, (list, tuple)) or (count is not None and len(values) != count):
        raise ValueError(f'{name}={values!r} must be a list'
                         + (f' of {count} values' if count is not None else ''))
    for i, value in enumerate(values):
        check_number(f'{name}[{i}]', value, interval, whole)
