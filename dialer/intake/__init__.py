"""Orders as shops send them: CSV and JSON rows in, clean orders and explained rejects out."""

from dialer.intake.cells import harmless_cell
from dialer.intake.reader import OrdersFile, read_orders
from dialer.intake.rejects import RejectsFile
from dialer.intake.rows import ParsedRow, Rejected, order_from_mapping

__all__ = ["OrdersFile", "ParsedRow", "Rejected", "RejectsFile", "harmless_cell", "order_from_mapping", "read_orders"]
