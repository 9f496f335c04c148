"""What redeemed codes and vouchers have in common: a reference that says which one is meant, now and later."""

from __future__ import annotations

from bot.storage.customers import reference

# The first of the drawn references ($1) that is no receipt's, also not one's that was taken back. No EXISTS: on a young
# table that would be planned as a look at all of it, and connections keep their plans. No array: PostgreSQL would count
# its elements and plan each statement anew.
FREE = """(
    SELECT drawn.ref FROM string_to_table($1, ' ') AS drawn (ref)
    WHERE coalesce((SELECT 1 FROM claims WHERE ref = drawn.ref),
                   (SELECT 1 FROM issues WHERE ref = drawn.ref),
                   (SELECT 1 FROM undone WHERE ref = drawn.ref),
                   (SELECT 1 FROM redemptions WHERE ref = drawn.ref)) IS NULL
    LIMIT 1
)"""


def draw() -> str:
    """Some references for `FREE` to choose from: beside a million receipts one of a thousand is taken, and four at once
    never are."""
    return " ".join(reference("R") for _ in range(4))
