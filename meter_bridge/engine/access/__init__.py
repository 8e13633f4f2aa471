"""Who may see and do what: tokens, visibility, lock-outs."""
