"""Who is asking: from a presented credential to a verified principal."""
