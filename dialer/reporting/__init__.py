"""How a campaign's numbers are asked, shaped and written: terminal, HTML, CSV and JSON."""
