import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.job_logs import read_range, span_of


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-4", (0, 4)),
        ("bytes=7-", (7, None)),
        ("bytes=-3", (None, 3)),
        (" Bytes = 1 - 2 ", (1, 2)),
        ("bytes=4-0", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("bytes=" + "9" * 19 + "-", None),
        (None, None),
    ],
)
def test_what_a_range_header_names(header, span):
    assert read_range(header) == span


@given(first=st.none() | st.integers(0, 40), last=st.none() | st.integers(0, 40), total=st.integers(0, 30))
def test_a_span_is_what_a_slice_would_give(first, last, total):
    if (first is None and last is None) or (first is not None and last is not None and last < first):
        return
    text = bytes(range(total))
    wanted = text[-last:] if first is None and last else text[first : None if last is None else last + 1]
    wanted = b"" if first is None and not last else wanted

    span = span_of((first, last), total)

    assert (text[slice(*span)] if span else b"") == wanted
