"""Operations as they run: prepared, executed, rendered."""
