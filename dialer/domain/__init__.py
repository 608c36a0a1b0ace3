"""What the business talks about: plain dataclasses and functions, no library, no I/O."""
