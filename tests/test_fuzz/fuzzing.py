"""Property tests that are counted, and try the same cases every time."""
import re
from collections import Counter
from functools import wraps

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# Derandomized, so that a change that passes here passes everywhere.
PROFILE = settings(
    derandomize=True, database=None, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large,
                           HealthCheck.function_scoped_fixture])

counted = Counter()  # cases that were run to their end, by test


def fuzz(cases, *strategies):
    """``given``, for a number of cases, which are counted."""
    def decorate(test):
        @wraps(test)
        def counting(*args, **kwargs):
            test(*args, **kwargs)
            counted[test.__name__] += 1
        return settings(PROFILE, max_examples=cases)(given(*strategies)(counting))
    return decorate


class Refused(str):
    """The one line of a refusal."""


def outcome(call, *args, **kwargs):
    """What a call gives, or the line of its refusal; anything else is an error of the test."""
    try:
        return call(*args, **kwargs)
    except (ValueError, OSError) as error:
        line = Refused(error)
    assert len(line.splitlines()) == 1, line
    return line


ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)

# What may stand in a config in place of a number.
ANYTHING = st.one_of(
    ANY_FLOAT, st.floats(-2, 2), st.integers(-3, 70), st.integers(10**5, 10**12),
    st.integers(-10**12, -10**5), st.booleans(), st.none(), st.text(max_size=5),
    st.lists(st.one_of(st.integers(-2, 5), st.floats(-2, 2), st.text(max_size=2), st.none()),
             max_size=4),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1))


@st.composite
def mutated(draw, content: bytes, changes=6):
    """Bytes with pieces overwritten, cut out, doubled, put in, other numbers; or broken off."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, changes))):
        start = draw(st.integers(0, max(len(content) - 1, 0)))
        stop = start + draw(st.integers(0, 40))
        kind = draw(st.sampled_from(['number', 'overwrite', 'delete', 'double', 'insert',
                                     'break off']))
        numbers = list(re.finditer(rb'[\d.]+', content[start:])) if kind == 'number' else []
        if numbers:
            first, last = (start + end for end in numbers[0].span())
            content[first:last] = draw(st.sampled_from([
                b'nan', b'inf', b'-inf', b'0', b'-1', b'1e308', b'1e999', b'1e-320', b'0x10', b'']))
        elif kind == 'overwrite':
            content[start:stop] = draw(st.binary(min_size=1, max_size=8))
        elif kind == 'delete':
            del content[start:stop]
        elif kind == 'double':
            content[start:start] = content[start:stop]
        elif kind == 'insert':
            content[start:start] = draw(st.sampled_from([
                b'\0', b'\n', b',', b' ', b'-', b'nan', b'inf', b'1e999', b'\xff\xfe', b'#', b'"',
                '½'.encode(), b'../', b'0x1', b'1_0', b'\r', b'\t', b';']))
        else:
            del content[start:]
    return bytes(content)
