"""weighlock: holds and weighs every LLM exchange before it may go on."""
