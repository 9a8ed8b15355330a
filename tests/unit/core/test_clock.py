from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lamina.core.clock import source_date
from lamina.core.errors import UsageError


@pytest.mark.parametrize(
    ("environ", "moment"),
    [
        pytest.param({}, None, id="not set"),
        pytest.param({"SOURCE_DATE_EPOCH": ""}, None, id="empty"),
        pytest.param({"SOURCE_DATE_EPOCH": "0"}, datetime(1970, 1, 1, tzinfo=UTC), id="1970"),
        pytest.param(
            {"SOURCE_DATE_EPOCH": "1700000000"},
            datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
            id="a moment",
        ),
    ],
)
def test_the_moment(environ: dict[str, str], moment: datetime | None) -> None:
    assert source_date(environ) == moment


@pytest.mark.parametrize("text", ["now", "-1", "1.5", " 1", "١٢٣", "9" * 20, "9" * 6000])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a number of seconds since 1970") as caught:
        source_date({"SOURCE_DATE_EPOCH": text})
    assert caught.value.hints == ("unset SOURCE_DATE_EPOCH",)
    assert len(caught.value.message) < 120
