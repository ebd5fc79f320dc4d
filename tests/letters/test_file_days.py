"""Days in files of forms: read only where the file tells which number is what."""

import pytest

from app.letters.file_days import DAY_FIRST, MONTH_FIRST, list_possible_orders, parse_file_day


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2022-03-04", DAY_FIRST, "2022-03-04"),
        ("2022-03-04T23:59:59Z", MONTH_FIRST, "2022-03-04"),
        ("2022/03/04 9:41:03 AM GMT+5", MONTH_FIRST, "2022-03-04"),
        ("2022. 3. 4 오전 9:41:03", DAY_FIRST, "2022-03-04"),
        ("04.03.2022 9:41:03", DAY_FIRST, "2022-03-04"),
        ("04.03.2022.", DAY_FIRST, "2022-03-04"),
        ("04.03.2022", MONTH_FIRST, None),
        ("3/4/2022 9:41:03", DAY_FIRST, "2022-04-03"),
        ("3/4/2022 9:41:03", MONTH_FIRST, "2022-03-04"),
        ("3/4/22", MONTH_FIRST, "2022-03-04"),
        ("۲۰۲۲/۰۳/۰۴", DAY_FIRST, "2022-03-04"),
        ("۱۴۰۰/۱۲/۱۳", DAY_FIRST, None),
        ("30/02/2022", DAY_FIRST, None),
        ("13/13/2022", DAY_FIRST, None),
        ("3/4-2022", DAY_FIRST, None),
        ("1/2/3/2022", DAY_FIRST, None),
        ("in March", DAY_FIRST, None),
        ("44654", DAY_FIRST, None),
        ("", DAY_FIRST, None),
    ],
)
def test_a_day_is_read_as_the_order_says(text: str, order: str, day: str | None) -> None:
    parsed = parse_file_day(text, order)
    assert (parsed.isoformat() if parsed else None) == day


@pytest.mark.parametrize(
    ("texts", "orders"),
    [
        (["2022-03-04", "2022-05-06"], [DAY_FIRST]),
        (["03/04/2022", "05/06/2022"], [DAY_FIRST, MONTH_FIRST]),
        (["03/04/2022", "14/06/2022"], [DAY_FIRST]),
        (["03/04/2022", "06/14/2022"], [MONTH_FIRST]),
        (["03/04/2022", "05.06.2022"], [DAY_FIRST]),
        (["03/03/2022", "", "2022-05-06"], [DAY_FIRST]),
        (["13/04/2022", "04/13/2022"], [DAY_FIRST]),
        (["soon", "03/14/2022"], [MONTH_FIRST]),
        ([], [DAY_FIRST]),
    ],
)
def test_the_whole_column_tells_the_order(texts: list[str], orders: list[str]) -> None:
    assert list_possible_orders(texts) == orders
