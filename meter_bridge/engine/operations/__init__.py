"""Operations that take effect once for each key."""
