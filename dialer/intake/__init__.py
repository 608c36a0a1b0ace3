"""Orders as shops send them: CSV and JSON rows in, clean orders and explained rejects out."""

from dialer.intake.cells import harmless_cell
from dialer.intake.importing import ImportTally, order_batches
from dialer.intake.phones import parse_phone
from dialer.intake.reader import OrdersFile, open_file, read_orders
from dialer.intake.rejects import RejectsFile
from dialer.intake.rows import ParsedRow, Rejected, order_from_mapping
from dialer.intake.seen import SeenIds

__all__ = [
    "ImportTally",
    "OrdersFile",
    "ParsedRow",
    "Rejected",
    "RejectsFile",
    "SeenIds",
    "harmless_cell",
    "open_file",
    "order_batches",
    "order_from_mapping",
    "parse_phone",
    "read_orders",
]
