"""QR codes as pictures. Dark on white with its quiet zone, so that it is scanned from a chat in dark mode as well.

Needs segno, which the web process loads with the first one that somebody looks at.
"""

from __future__ import annotations

import io

import segno

BLANK = 4  # modules of white around it, as ISO/IEC 18004 asks for
SCALE = 12  # pixels a module: sharp on every phone, and a picture of some two kilobytes


def draw(text: str, scale: int = SCALE) -> bytes:
    """A QR code of `text` as a PNG. It is read with 15 percent of it damaged. scale: pixels a module."""
    saved = io.BytesIO()
    segno.make_qr(text, error="m").save(saved, kind="png", scale=scale, border=BLANK)
    return saved.getvalue()
