"""Files as ops have them: encodings, delimiters, headers, broken rows, and what becomes of the good ones."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.domain.order import Order
from dialer.errors import InputError
from dialer.intake import OrdersFile, Rejected, RejectsFile, read_orders
from tests.unit.intake.support import (
    DATA,
    HEADER,
    file_of,
    good_line,
    orders_of,
    problems_of,
    rejects_of,
    rows_of,
)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_encodings_and_line_ends(encoding: str, newline: str) -> None:
    data = file_of(good_line(1), good_line(3), encoding=encoding, newline=newline)

    first, second = orders_of(data)

    assert (first.order_id, first.customer_name, first.amount) == ("1", "Анна Ёлкина", Decimal("3200.00"))
    assert second.address == 'Казань; улица "Мира", 3'


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_by_the_header_not_by_counting(delimiter: str) -> None:
    lines = ["Заказ;Телефон;Сумма;Состав, количество", '1;89161234567;"100,50";"чай; кофе, сахар"']
    data = "\n".join(line.replace(";", delimiter) for line in lines).encode()

    file = OrdersFile(io.BytesIO(data if delimiter == ";" else data.replace("Состав, количество".encode(), b"note")))

    assert file.delimiter == delimiter
    assert all(isinstance(row, Order) for row in file)


def test_the_separator_line_of_excel_is_obeyed() -> None:
    assert len(orders_of(b"sep=|\norder|phone|total\n1|89161234567|5\n")) == 1


@pytest.mark.parametrize(
    "header",
    [
        "номер заказа;телефон;сумма",
        "№ Заказа ;ТЕЛЕФОН:;Итого, руб.",
        "order_id;phone;total",
        "Order ID;Phone Number;Amount (RUB)",
        "заказ;моб. телефон;СУММА ЗАКАЗА",
        "Код заказа;тел.;к оплате ₽",
        "Заказ №;Номер телефона;Сумма со скидкой",
        "\u00a0Номер\u00a0заказа;Контактный телефон;Стоимость",
    ],
)
def test_header_names(header: str) -> None:
    (order,) = orders_of(f"{header}\n45678;8 916 123-45-67;3 200,00\n".encode())

    assert (order.order_id, order.phone, order.amount) == ("45678", "+79161234567", Decimal("3200.00"))


def test_of_two_columns_that_fit_the_more_telling_wins_and_the_other_is_kept() -> None:
    data = "заказ;телефон;сумма;Дата;Дата доставки\n1;89161234567;5;01.11.2026;25.11.2026\n".encode()

    (order,) = orders_of(data)

    assert str(order.delivery_date) == "2026-11-25"
    assert order.attributes == {"Дата": "01.11.2026"}


def test_a_second_phone_column_serves_where_the_first_is_empty() -> None:
    data = "заказ;моб. телефон;телефон;сумма\n1;8 916 123 45 67;;5\n2;;8 495 123 45 67;5\n".encode()

    assert [order.phone for order in orders_of(data)] == ["+79161234567", "+74951234567"]


def test_a_missing_column_is_named_with_what_was_found_and_what_is_needed() -> None:
    with pytest.raises(InputError) as refused:
        OrdersFile(io.BytesIO("Номер заказа;Имя;Итого\n1;Анна;5\n".encode()))

    assert refused.value.field == "header"
    assert "phone" in refused.value.reason
    assert "«Имя»" in refused.value.reason
    assert "сумма (amount)" in refused.value.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "пуст"),
        (b"  \r\n", "пуст"),
        (b"PK\x03\x04rest", "xlsx"),
        (b"\x1f\x8b\x08", "gzip"),
        pytest.param(b"\x00" * 99, "столбцы", id="zeros"),
    ],
)
def test_what_is_no_csv_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        OrdersFile(io.BytesIO(data))


def test_a_file_that_does_not_exist_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.csv"):
        list(read_orders(tmp_path / "no.csv"))


def test_a_file_with_half_of_its_rows_broken_gives_the_good_ones_and_explains_the_rest() -> None:
    rows = list(read_orders(DATA / "half_broken_cp1251.csv"))

    orders = [row for row in rows if isinstance(row, Order)]
    rejects = {row.line_number: dict(row.problems) for row in rows if isinstance(row, Rejected)}
    assert [order.order_id for order in orders] == ["1001", "1003", "1005", "1008", "1012", "1012"]
    assert orders[0].delivery_window == "10:00-14:00"
    assert orders[0].attributes == {"Менеджер": "Петрова"}
    assert orders[2].customer_name == 'ООО "Ромашка"'
    assert orders[3].amount == Decimal("1234.56")
    assert {line: list(problems) for line, problems in rejects.items()} == {
        4: ["phone"],
        6: ["phone"],
        8: ["amount", "delivery_date", "delivery_window"],
        9: ["order_id"],
        11: ["row"],
        12: ["row"],
        13: ["row"],
    }
    assert "кавычка" in rejects[13]["row"]


def test_excels_unicode_text_and_english_headers() -> None:
    (first, second) = list(read_orders(DATA / "excel_unicode_text.txt"))
    (third, fourth) = list(read_orders(DATA / "english_commas_utf8.csv"))

    assert isinstance(first, Order)
    assert isinstance(second, Order)
    assert isinstance(third, Order)
    assert isinstance(fourth, Order)
    assert first.address == "Москва улица Лесная, 5"
    assert first.attributes == {"comment": 'позвонить "вечером"'}
    assert second.customer_name is None
    assert (third.amount, third.customer_name) == (Decimal("1234.56"), "Ivanov, Ivan")
    assert fourth.customer_name == '=HYPERLINK("http://x")', "formula-looking cells stay data"


def test_line_numbers_are_those_of_the_file() -> None:
    data = file_of('1;89161234567;5;"Анна\nПетровна\n\nЁлкина";;;;', "", "2;bad;5;;;;;", newline="\n")

    assert problems_of(data) == [(7, ["phone"])]


def test_an_unclosed_quote_costs_one_row_not_the_rest_of_the_file() -> None:
    lines = [good_line(number) for number in range(1, 200)]
    lines[50] = '51;+7 916 051-45-67;3 200,00;"Анна;25.11.2026;;;'
    lines[120] = lines[120].replace("Анна", '"Анна')

    data = file_of(*lines)

    assert problems_of(data) == [(52, ["row"]), (122, ["row"])]
    assert len(orders_of(data)) == 197


def test_an_inch_mark_that_happens_to_close_an_open_quote_swallows_nothing() -> None:
    data = file_of(
        '1;89161234567;5;;;;;"Телевизор',
        "2;89161234568;5;;;;;Чай",
        '3;89161234569;5;;;;;Монитор 27"',
        "4;89161234560;5;;;;;Кофе",
    )

    assert problems_of(data) == [(2, ["row"])]
    assert [order.order_id for order in orders_of(data)] == ["2", "3", "4"]


def test_a_file_of_nothing_but_open_quotes_ends() -> None:
    data = file_of(*['"открыто;1;2'] * 500)

    assert len(rejects_of(data)) == 500


def test_a_late_line_in_another_encoding_stays_readable() -> None:
    lines = [file_of(*(good_line(n) for n in range(1, 900))), (good_line(900) + "\r\n").encode("cp1251")]

    assert orders_of(b"".join(lines))[-1].customer_name == "Анна Ёлкина"


def test_a_damaged_byte_in_a_utf8_name_is_refused_not_spoken() -> None:
    data = file_of(good_line(1), good_line(2), good_line(4))
    spoiled = bytearray(data)
    spoiled[data.index(good_line(2).encode()) + len("2;+7 916 002-45-67;3 200,00;А")] ^= 0x40

    assert problems_of(bytes(spoiled)) == [(3, ["customer_name"])]


def test_nul_bytes_huge_cells_and_huge_lines_are_refused_and_the_next_row_is_good() -> None:
    lines = [f"1;8916123456\x007;5;{'я' * 20_000};;;;", "2;" + "9" * 300_000, f"3;89161234567;5;{'я' * 5000};;;;"]
    data = file_of(*lines, good_line(4))

    assert problems_of(data) == [(2, ["phone", "customer_name"]), (3, ["row"]), (4, ["customer_name"])]
    assert [order.order_id for order in orders_of(data)] == ["4"]
    assert all(len(cell) <= 1000 for reject in rejects_of(data) for cell in reject.cells)


def test_extra_columns_are_bounded() -> None:
    names = [f"Поле {number}" for number in range(60)]
    data = file_of(
        ";".join(["1", "89161234567", "5", *["d" * 700] * 60]), header=";".join(["заказ", "тел", "сумма", *names])
    )

    (order,) = orders_of(data)

    assert len(order.attributes) == 40
    assert {len(value) for value in order.attributes.values()} == {500}


@pytest.mark.parametrize("order_id", [".", "..", "", "-", "я" * 65, "1\x1b"])
def test_order_ids_that_are_refused(order_id: str) -> None:
    assert problems_of(file_of(f"{order_id};89161234567;5;;;;;")) == [(2, ["order_id"])]


def test_rejects_come_back_once_they_are_mended(tmp_path: Path) -> None:
    """Given a rejects file, when its bad cell is corrected, it imports as it is."""
    path = tmp_path / "rejects.csv"
    source = file_of('=7;+7 916 123-45;5;"Анна; Ёлкина";;;;+7', "8;+7 916 123-45-67;0;Лев;;;Омск;")
    file = OrdersFile(io.BytesIO(source))
    with RejectsFile(path, file.header, file.delimiter) as rejects:
        for row in file:
            assert isinstance(row, Rejected)
            rejects.write(row)
    raw = path.read_bytes()
    shown = raw.decode("utf-8-sig")
    mended = raw.replace(b"123-45;", b"123-45-68;").replace(";0;Лев".encode(), ";700;Лев".encode())

    orders = orders_of(mended)

    assert raw.startswith(b"\xef\xbb\xbf")
    assert shown.splitlines()[0] == f"{HEADER};line;field;reason"
    assert ";2;phone;" in shown.splitlines()[1]
    assert shown.splitlines()[1].startswith("'=7;'+7 916")
    assert [(order.order_id, order.phone, order.customer_name) for order in orders] == [
        ("=7", "+79161234568", "Анна; Ёлкина"),
        ("8", "+79161234567", "Лев"),
    ]
    assert orders[0].attributes == {"Комментарий": "+7"}


def test_no_rejects_no_file(tmp_path: Path) -> None:
    with RejectsFile(tmp_path / "rejects.csv", HEADER.split(";"), ";"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_the_demo_orders_are_all_good_and_start_with_the_briefs_example() -> None:
    orders = list(read_orders(Path(__file__).parents[3] / "config" / "demo_orders.csv"))

    assert len(orders) == 48
    assert all(isinstance(order, Order) for order in orders)
    first = orders[0]
    assert isinstance(first, Order)
    assert (first.order_id, first.amount) == ("45678", Decimal(3200))


def test_rows_stream_from_a_pipe_that_gives_little_at_a_time() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 7, 7) if size != -1 else 7)

    data = file_of(*(good_line(number) for number in range(1, 40)))

    assert len(list(OrdersFile(Dripping(data)))) == 39


def test_reprs_of_rejects_show_no_personal_data() -> None:
    (reject,) = rows_of(file_of("1;89161234567;bad;Анна;;;;"))

    assert "Анна" not in repr(reject)
    assert "8916" not in repr(reject)
