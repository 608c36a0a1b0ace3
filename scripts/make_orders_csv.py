"""Write a CSV of made-up orders of any length, for measuring imports: `python scripts/make_orders_csv.py 1000000 FILE`.

Every 50th row is bad (half of them by their phone, half by their date) and every 100th repeats the order before it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

HEADER = "Номер заказа;Телефон;Сумма;Имя;Дата доставки;Интервал;Адрес;Комментарий"


def rows(count: int) -> Iterator[str]:
    """Data lines without line breaks; phones come from codes that are not in use."""
    for number in range(1, count + 1):
        phone = f"+7 970 {number // 10_000 % 1000:03d}-{number // 100 % 100:02d}-{number % 100:02d}"
        day = f"{number % 28 + 1:02d}.12.2026"
        order = number - 1 if number % 100 == 99 else number
        if number % 100 == 0:
            phone = f"{number}@x&PJSIP/900"
        elif number % 100 == 50:
            day = "31.02.2026"
        address = f'"Москва; ул. Лесная, д. {number % 200 + 1}"' if number % 4 == 0 else f"Казань, д. {number % 90 + 1}"
        yield f"{order};{phone};{number % 9000 + 100},00;Анна Сергеевна;{day};10:00-14:00;{address};позвонить заранее"


def main(count: int, path: Path) -> None:
    with path.open("w", encoding="utf-8-sig") as file:
        file.write(HEADER + "\r\n")
        file.writelines(f"{row}\r\n" for row in rows(count))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
