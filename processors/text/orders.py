"""Whether a sentence tells someone to do something: "Open the valve.", "If it is hot, wait."."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What orders in instructions begin with. Those that are nouns as often are left out but for the
# few that instructions live on; a determiner after them tells ("Report the loss").
_VERBS = _words("""
    accept access acknowledge activate add adjust advise agree align allow answer apply approve
    arrange ask assemble assign assist attach authenticate avoid back be begin bolt book bring
    browse buy calculate call cancel carry change check choose clean clear click close collect
    compare complete confirm connect consent consider consult contact continue copy create cut
    deactivate decide delete deliver describe determine disable disconnect discuss dispose do
    document download drain drive drop edit email enable end ensure enter escalate evaluate
    examine execute explain export fasten file fill find finish fit fix flush fold follow
    forward gather get give go hand hang heat hold identify import include inform initiate input
    insert inspect install invoke issue join keep label launch lay leave let lift list locate
    lock log look loosen lower mail make mark measure meet mix monitor moor mount move navigate
    note notify obtain offer open order pack paste pay perform pick place plan plug post pour
    prepare present press print proceed process provide pull pump purchase push put raise read
    receive reconnect record redeem refer refill refit register release remember remove rename
    repeat replace reply report request reset respond restart return review rinse roll rotate
    run sand save saw say scan schedule scroll scrub search secure select send separate set
    shake share show shut sign slide slow soak speak specify spread squeeze stack start state
    stay steer stir stop store submit sweep switch take talk tap tell test throw tie tighten
    touch track transfer treat trim try turn twist type undo unlock unplug unscrew update
    upgrade upload use validate verify view visit wait walk warn wash watch wear wipe wire
    withdraw work write
""")
_LEAD = re.compile(
    r"(?:step\s+\d+\s*[:.)–-]\s*|\d{1,2}[.):]?\s+|\*+)"  # noqa: RUF001
    r"|(?:first|second|third|then|next|finally|now|please|lastly|afterwards|also|always|never"
    r"|carefully|immediately|do not|don['’]t|optionally)\b[,:]?\s+"  # noqa: RUF001
    r"|(?:if|when|once|after|before|from|in|on|at|under|within|using|with|to|for|as soon as|where"
    r"|while|unless|during|by) [^,.;]{2,90},\s+(?:then\s+)?",
    re.IGNORECASE,
)
_LABEL = 3  # words of a label before its colon
_FIRST = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# "Öffnen Sie ...", "Ouvrez ..."
_POLITE = re.compile(r"[^\W\d_]+(?:e?n Sie\b|ez\b(?! vous))")


def is_order(sentence: str) -> bool:
    """Whether it is an order, as far as its first words tell."""
    sentence = sentence.lstrip("*_\"'“‘ ")  # noqa: RUF001
    if _POLITE.match(sentence):
        return True
    label, colon, rest = sentence.partition(":")
    if colon and rest.strip() and len(label.split()) <= _LABEL:  # "Start date: 3 May"
        sentence = rest.lstrip("*_ ")
    for _ in range(3):
        lead = _LEAD.match(sentence)
        if lead is None:
            break
        sentence = sentence[lead.end() :]
        if lead[0].lower().startswith(("never", "do not", "don")):
            return True
    first = _FIRST.match(sentence)
    return first is not None and first[0].lower().removeprefix("re-") in _VERBS
