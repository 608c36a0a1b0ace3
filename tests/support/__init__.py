"""Factories, fakes and servers for tests."""
