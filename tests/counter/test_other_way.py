"""The other way round: the member shows a code, and the customer chooses."""

from __future__ import annotations

from chat import Chat

from counter.standing import NAME, SHOP_CODE, Counter, arrive, give, hire, ref_of, thermos

NO_CODE = "That code isn't valid any more — please ask our staff for a new one."


async def shop_code(member: Chat) -> str:
    """What the member shows."""
    await member.say("/counter")
    found = [code for code in SHOP_CODE.findall(member.text) if any(map(str.isdigit, code))]
    assert found, member.text
    return str(found[0])


async def type_code(chat: Chat, code: str) -> None:
    """As customers do, in their language."""
    await chat.say(f"counter {code.lower()}" if chat.tag == "en" else f"櫃檯 {code}")


async def test_the_customer_chooses_and_the_member_is_shown(counter: Counter) -> None:
    """On every channel and mixed: a word and a code, a tap; the member looks, and hands over."""
    customer, member = counter.customer, counter.member
    give(customer, physicalGifts=[thermos(counter.bot)], virtualGifts=[thermos(counter.bot, "Umbrella", 1)])
    await type_code(customer, await shop_code(member))
    assert NAME in customer.text and "Umbrella" in customer.text
    await customer.tap("This one")
    assert NAME in customer.text and customer.said("Is it done?")

    member.look()
    ref = await ref_of(customer)
    assert member.said("%(customer)s chose: %(item)s.", customer=ref, item=NAME)
    kept = await counter.bot.pool.fetch("SELECT messages FROM pushes")
    codes = await counter.bot.pool.fetch("SELECT id FROM counter_codes WHERE purpose = 'gift'")
    assert len(codes) == 1 and all("/use C-" in str(row["messages"] or "/use C-") for row in kept)
    await member.tap("Look at it")
    assert NAME in member.text and await counter.rows() == []
    await member.tap("Hand over")
    assert await counter.standing() == 1


async def test_the_code_is_asked_for_by_a_tap(here: Counter) -> None:
    """[I have a shop code], then the code alone; a word is no code, even with four letters."""
    await here.show()
    await here.customer.tap("I have a shop code")
    assert here.customer.said("Please type the code that our staff show you: four letters and digits.")
    await here.customer.say("menu")
    assert not here.customer.said(NO_CODE)
    code = await shop_code(here.member)
    await here.customer.say("counter")
    await here.customer.say(code)
    assert NAME in here.customer.text and here.customer.said("This one")


async def test_a_shop_code_is_never_read_without_its_word(here: Counter) -> None:
    """Nor by whoever shows it."""
    code = await shop_code(here.member)
    await here.customer.say(code)
    assert not here.customer.said("This one")
    give(here.member, physicalGifts=[thermos(here.bot)])
    await type_code(here.member, code)
    assert here.member.said(NO_CODE)


async def test_wrong_used_old_and_replaced_codes_read_alike(here: Counter) -> None:
    """And so does the right one, after five wrong ones in an hour."""
    used, other = await shop_code(here.member), await arrive(here.bot, "line", "en")
    await type_code(other, used)
    assert other.said("This one")
    replaced = await shop_code(here.member)
    old = await shop_code(here.member)
    here.bot.ahead(minutes=2, seconds=1)
    said = set()
    for code in ("Z9Z9", used, replaced, old, "Z8Z8"):
        await type_code(here.customer, code)
        said.add(here.customer.text)
    await type_code(here.customer, await shop_code(here.member))
    said.add(here.customer.text)
    assert len(said) == 1 and here.customer.said(NO_CODE)
    here.bot.ahead(minutes=61)
    await type_code(here.customer, await shop_code(here.member))
    assert here.customer.said("This one")


async def test_a_double_tap_on_a_choice_tells_the_member_once(here: Counter) -> None:
    """And leads to one hand-over, whichever button they take."""
    await type_code(here.customer, await shop_code(here.member))
    tap = here.customer.phone.taps(here.customer.data_of("This one"))
    await here.customer.do(tap, tap, here.customer.phone.taps(here.customer.data_of("This one")))
    here.member.look()
    assert here.member.text.count("chose") == 1
    await here.member.tap("Look at it")
    await here.member.tap("Hand over")
    assert await here.standing() == 1


async def test_only_the_member_whose_code_it_was_is_shown(here: Counter) -> None:
    """To the counter the customer's number alone opens nothing: neither another's choice nor one of before."""
    here.member, other = await hire(here.bot, "line", "en", "counter"), await hire(here.bot, "line", "en", "counter")
    await type_code(here.customer, await shop_code(here.member))
    await here.customer.tap("This one")
    ref = await ref_of(here.customer)
    nothing = "%(customer)s has chosen nothing with your code within the last five minutes."
    await other.say(f"/use {ref}")
    assert other.said(nothing, customer=ref)
    await other.say(f"/use {ref} thing=3f9a20c1")
    assert other.said(nothing, customer=ref) and NAME not in other.text
    here.bot.ahead(minutes=5, seconds=1)
    await here.member.say(f"/use {ref}")
    assert here.member.said(nothing, customer=ref)


async def test_a_member_who_is_gone_shows_no_code(here: Counter) -> None:
    """Removed between showing and typing, or between typing and choosing."""
    code = await shop_code(here.member)
    await type_code(here.customer, code)
    tap = here.customer.phone.taps(here.customer.data_of("This one"))
    late = await shop_code(here.member)
    await here.bot.pool.execute("DELETE FROM staff")
    await here.customer.do(tap)
    assert here.customer.said(NO_CODE)
    await type_code(here.customer, late)
    assert here.customer.said(NO_CODE)


async def test_who_has_nothing_is_told_so(here: Counter) -> None:
    """A list of many has pages."""
    give(here.customer)
    await type_code(here.customer, await shop_code(here.member))
    assert here.customer.said("You have nothing that our staff could hand over.")
    many = [thermos(here.bot, f"Gift {number}", number) for number in range(1, 41)]
    give(here.customer, physicalGifts=many)
    here.bot.ahead(minutes=1)
    await type_code(here.customer, await shop_code(here.member))
    await here.customer.tap("Next page")
    assert "Gift 40" in here.customer.text
