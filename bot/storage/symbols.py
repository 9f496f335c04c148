"""The symbols of references and one-time codes, apart from what reads tables: web needs nothing else."""

# Crockford's base 32: no I, L, O or U, so a reference survives being read out at a counter.
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
