"""From words to actions: rules first, then the language model."""
