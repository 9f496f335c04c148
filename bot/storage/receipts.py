"""What redeemed codes and vouchers have in common: a reference that says which one is meant, now and later."""

from __future__ import annotations

from bot.storage.customers import reference

# The first of the drawn references ($1) that is no receipt's, also not one's that was taken back. No EXISTS: on a young
# table that would be planned as a look at all of it, and connections keep their plans.
FREE = """(
    SELECT drawn.ref FROM unnest($1::text[]) AS drawn (ref)
    WHERE coalesce((SELECT 1 FROM claims WHERE ref = drawn.ref),
                   (SELECT 1 FROM issues WHERE ref = drawn.ref),
                   (SELECT 1 FROM undone WHERE ref = drawn.ref)) IS NULL
    LIMIT 1
)"""


def draw() -> list[str]:
    """Some references for `FREE` to choose from: beside a million receipts one of a thousand is taken, and four at once
    never are."""
    return [reference("R") for _ in range(4)]
