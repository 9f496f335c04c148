"""The demo's brand, invented: a tea house with its own bakery. Its name, its settings, and its pictures.

What Got It and the page show of it is drawn here: each address of a picture has one drawing, always the same, without
a letter in it, so that no font is missed.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

ZH, EN = "柿日茶屋", "Persimmon Days"
NAME = f"{ZH} {EN}"
HANDLE = "persimmondays"  # On Instagram.
COLOR = "#B5451B"  # A ripe persimmon; white on it can be read.


def settings() -> dict[str, str]:
    """What this brand would write into its `.env`, beside its credentials."""
    return {
        "BRAND": NAME,
        "BRAND_COLOR": COLOR,
        "LINE_BASIC_ID": f"@{HANDLE}",
        "MESSENGER_PAGE": HANDLE,
        "INSTAGRAM_USERNAME": HANDLE,
        "PRIVACY_URL": f"https://{HANDLE}.example/privacy",
        "SUPPORT_HOURS": "Mon-Fri 10:00-20:00, Sat-Sun 11:00-18:00",
        "OPENING_HOURS": "Mon-Fri 11:00-21:00, Sat-Sun 10:00-22:00",
        "SHOP_ADDRESS_ZH": r"台北市柿子巷 7 號 1 樓\n捷運柿子巷站 2 號出口，步行 3 分鐘",
        "SHOP_ADDRESS_EN": r"1F, No. 7, Persimmon Lane, Taipei\n3 minutes from MRT Persimmon Lane, exit 2",
        "SHOP_MAP_URL": f"https://{HANDLE}.example/map",
        "SHOP_PHONE": "02-0000-2026",
        "VISIT_POINTS": "10",
        # `giftdesk remind` shows one at whatever hour somebody tries it.
        "REMINDERS": "on",
        "QUIET_HOURS": "off",
        "PUSH_BUDGET": "100",
        "HOW_TO_CLAIM_ZH": (
            "結帳前，請把這張卡片出示給店員：飲品與優惠當場使用，實體獎品在櫃檯領取。"
            "請在使用期限內到店，每日 11:00 後都可以領。"
        ),
        "HOW_TO_CLAIM_EN": (
            "Show this card at the counter before you pay: drinks and discounts are used at once, prizes are handed to "
            "you there. Come by before it ends, any day after 11:00."
        ),
        "GOTIT_DELIVERY_ZH": "Got It 會在 24 小時內以簡訊寄出禮券連結。沒收到嗎？請告訴我們紀錄編號。",
        "GOTIT_DELIVERY_EN": (
            "Got It sends the voucher's link by SMS within 24 hours. Nothing came? Tell us the reference."
        ),
        # WELCOME2026, 端午快樂2026 and SUMMER-7K3M-Q9TD; the others are found by what is written around them.
        "CODE_PATTERN": r"SUMMER-[0-9A-Z]{4}-[0-9A-Z]{4}|[A-Z]{4,12}20[0-9]{2}",
    }


# Pictures: flat shapes on a field of one of the brand's tints. Each motif is drawn on 400 by 300 units.

_TINTS = ("#FCE9DC", "#FDF1D6", "#E9F1E2", "#F8E3E0", "#E6EEF0")
_LEAF, _INK, _CREAM, _WHITE = "#5F7F4A", "#5B3A29", "#FFF8EE", "#FFFFFF"
_MOTIFS = {
    "coffee": (
        f'<ellipse cx="190" cy="226" rx="106" ry="16" fill="{_WHITE}"/>'
        f'<path d="M116 120h148v40c0 40-28 62-74 62s-74-22-74-62z" fill="{COLOR}"/>'
        f'<path d="M262 132c34-6 46 8 42 28s-22 34-52 32" fill="none" stroke="{COLOR}" stroke-width="14"/>'
        f'<ellipse cx="190" cy="120" rx="74" ry="16" fill="{_INK}"/>'
        f'<path d="M164 92c-14-16 14-24 0-44M206 92c-14-16 14-24 0-44" fill="none" stroke="{_WHITE}" stroke-width="9" '
        'stroke-linecap="round"/>'
    ),
    "tea": (
        f'<path d="M142 80h116l-14 158c-1 10-8 16-18 16h-52c-10 0-17-6-18-16z" fill="{_WHITE}"/>'
        '<path d="M147 128h106l-10 108c-1 7-6 10-12 10h-62c-6 0-11-3-12-10z" fill="#C9772B"/>'
        f'<path d="M214 128L240 34" stroke="{_LEAF}" stroke-width="11" stroke-linecap="round"/>'
        '<circle cx="178" cy="160" r="20" fill="#FFD98A"/><circle cx="178" cy="160" r="13" fill="#F7C25B"/>'
        f'<path d="M196 206c14-24 34-24 44-16-6 18-24 28-44 16z" fill="{_LEAF}"/>'
        f'<rect x="132" y="70" width="136" height="18" rx="9" fill="{COLOR}"/>'
    ),
    "bubble-tea": (
        f'<path d="M142 84h116l-14 154c-1 10-8 16-18 16h-52c-10 0-17-6-18-16z" fill="{_WHITE}"/>'
        '<path d="M147 118h106l-10 118c-1 7-6 10-12 10h-62c-6 0-11-3-12-10z" fill="#D9A878"/>'
        f'<path d="M204 118L228 22" stroke="{COLOR}" stroke-width="15" stroke-linecap="round"/>'
        + "".join(
            f'<circle cx="{x}" cy="{y}" r="9" fill="{_INK}"/>'
            for x, y in ((172, 232), (192, 236), (212, 234), (230, 230), (180, 214), (202, 216), (222, 212), (194, 196))
        )
        + f'<path d="M136 88c6-34 122-34 128 0z" fill="{_CREAM}"/>'
        f'<rect x="130" y="80" width="140" height="16" rx="8" fill="{COLOR}"/>'
    ),
    "cake": (
        f'<ellipse cx="200" cy="246" rx="120" ry="14" fill="{_WHITE}"/>'
        '<path d="M110 166l176-48v118H110z" fill="#F3CF9C"/>'
        f'<path d="M110 190l176-24v20l-176 22z" fill="{COLOR}"/>'
        f'<path d="M104 166c40-40 120-66 178-58 10 2 12 16 4 22L112 178c-8 2-14-6-8-12z" fill="{_CREAM}"/>'
        f'<circle cx="206" cy="98" r="26" fill="#E8692C"/><path d="M186 82c10-14 30-14 40 0-12 8-28 8-40 0z" '
        f'fill="{_LEAF}"/>'
    ),
    "bread": (
        f'<ellipse cx="200" cy="230" rx="126" ry="15" fill="{_WHITE}"/>'
        '<path d="M84 206c-8-56 50-100 116-100s124 44 116 100c-3 20-28 24-44 8-16-18-34-26-72-26s-56 8-72 26c-16 16-41 '
        '12-44-8z" fill="#D98B3A"/>'
        '<path d="M150 118c-18 22-24 48-20 84M200 106v82M250 118c18 22 24 48 20 84" fill="none" stroke="#B4661F" '
        'stroke-width="9" stroke-linecap="round"/>'
    ),
    "tart": (
        f'<ellipse cx="200" cy="236" rx="118" ry="14" fill="{_WHITE}"/>'
        '<path d="M106 150h188l-26 78c-2 6-6 8-12 8H144c-6 0-10-2-12-8z" fill="#C9772B"/>'
        '<path d="M138 160l12 70M170 162l6 72M200 162v72M230 162l-6 72M262 160l-12 70" stroke="#A85C18" '
        'stroke-width="6"/>'
        '<ellipse cx="200" cy="148" rx="98" ry="30" fill="#E5A049"/><ellipse cx="200" cy="146" rx="80" ry="22" '
        f'fill="#FFD55E"/><ellipse cx="182" cy="140" rx="20" ry="6" fill="#FFE79B"/>'
        f'<path d="M206 132c8-22 30-26 44-18-6 20-26 28-44 18z" fill="{_LEAF}"/>'
    ),
    "box": (
        f'<ellipse cx="200" cy="246" rx="122" ry="14" fill="{_WHITE}"/>'
        f'<rect x="112" y="136" width="176" height="110" rx="10" fill="{COLOR}"/>'
        '<rect x="98" y="104" width="204" height="42" rx="9" fill="#D2622F"/>'
        f'<rect x="186" y="104" width="28" height="142" fill="{_CREAM}"/>'
        f'<path d="M200 104c-64 4-72-52-40-56 24-2 36 24 40 56zm0 0c64 4 72-52 40-56-24-2-36 24-40 56z" fill="none" '
        f'stroke="{_CREAM}" stroke-width="12"/>'
    ),
    "bottle": (
        "".join(
            f'<rect x="{x + 18}" y="58" width="34" height="26" rx="6" fill="{_INK}"/>'
            f'<path d="M{x + 20} 84h30c2 20 20 22 20 48v102c0 10-6 16-16 16H{x + 16}c-10 0-16-6-16-16V132c0-26 18-28 '
            f'20-48z" fill="{color}"/><rect x="{x}" y="150" width="70" height="52" fill="{_CREAM}"/>'
            f'<circle cx="{x + 35}" cy="176" r="15" fill="{COLOR}"/>'
            for x, color in ((84, "#B9802F"), (165, "#8A9A4B"), (246, "#A9502B"))
        )
    ),
    "set": (
        f'<ellipse cx="200" cy="240" rx="140" ry="16" fill="{_WHITE}"/>'
        f'<path d="M84 132h116v34c0 34-22 54-58 54s-58-20-58-54z" fill="{COLOR}"/>'
        f'<path d="M84 146c-28-4-36 8-32 24s18 26 40 24" fill="none" stroke="{COLOR}" stroke-width="11"/>'
        f'<ellipse cx="142" cy="132" rx="58" ry="13" fill="#C9772B"/>'
        '<path d="M222 196h100l-14 30c-2 5-6 7-12 7h-48c-6 0-10-2-12-7z" fill="#F3CF9C"/>'
        f'<path d="M216 196c4-46 108-46 112 0z" fill="{_CREAM}"/><circle cx="272" cy="150" r="17" fill="#E8692C"/>'
        f'<path d="M258 140c8-10 20-10 28 0-8 6-20 6-28 0z" fill="{_LEAF}"/>'
    ),
    "ticket": (
        f'<path d="M78 104h244v30a22 22 0 0 0 0 44v30H78v-30a22 22 0 0 0 0-44z" fill="{COLOR}"/>'
        f'<path d="M254 108v96" stroke="{_CREAM}" stroke-width="6" stroke-dasharray="12 10"/>'
        f'<circle cx="166" cy="156" r="36" fill="{_CREAM}"/><path d="M154 136l34 20-34 20z" fill="{COLOR}"/>'
    ),
    "bag": (
        f'<path d="M116 112h168l16 126c1 10-4 16-14 16H114c-10 0-15-6-14-16z" fill="{_LEAF}"/>'
        f'<path d="M160 138V98c0-54 80-54 80 0v40" fill="none" stroke="{_INK}" stroke-width="12" '
        f'stroke-linecap="round"/><circle cx="200" cy="190" r="30" fill="#E8692C"/>'
        f'<path d="M178 172c12-16 32-16 44 0-12 9-32 9-44 0z" fill="{_CREAM}"/>'
    ),
    "phone": (
        f'<rect x="136" y="44" width="128" height="216" rx="22" fill="{_INK}"/>'
        f'<rect x="148" y="66" width="104" height="166" rx="6" fill="{_CREAM}"/>'
        f'<circle cx="200" cy="138" r="32" fill="#E8692C"/><path d="M178 118c12-16 32-16 44 0-12 9-32 9-44 0z" '
        f'fill="{_LEAF}"/><rect x="168" y="192" width="64" height="14" rx="7" fill="{COLOR}"/>'
        f'<circle cx="200" cy="246" r="6" fill="{_CREAM}"/>'
    ),
    "care": (
        f'<path d="M200 40l96 34v66c0 62-42 98-96 122-54-24-96-60-96-122V74z" fill="{_LEAF}"/>'
        f'<path d="M182 104h36v36h36v36h-36v36h-36v-36h-36v-36h36z" fill="{_CREAM}"/>'
    ),
}
# Got It's own example has pictures with names that tell nothing.
_KNOWN = {"1758182739_EuMAg": "coffee", "1760429959_ZCj5n": "care"}


def drawing(address: str) -> str:
    """The picture at `address`, as SVG: by the name of its file (`…/bubble-tea.png`), else a present."""
    stem = urlsplit(address).path.rpartition("/")[2].partition(".")[0]
    name = _KNOWN.get(stem, stem)
    tint = _TINTS[hashlib.sha256(stem.encode()).digest()[0] % len(_TINTS)]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" preserveAspectRatio="xMidYMid slice">'
        f'<rect width="400" height="300" fill="{tint}"/>'
        f'<circle cx="330" cy="60" r="120" fill="{_WHITE}" fill-opacity=".45"/>'
        f'<circle cx="46" cy="276" r="90" fill="{_WHITE}" fill-opacity=".45"/>'
        f"{_MOTIFS.get(name, _MOTIFS['box'])}</svg>"
    )
