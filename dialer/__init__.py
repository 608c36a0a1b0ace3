"""The campaign dialer: confirms shop orders by phone with a Russian voice bot."""
