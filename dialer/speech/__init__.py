"""Hearing and speaking: ports, the OpenAI adapter, the offline adapter, and the prompt cache."""
