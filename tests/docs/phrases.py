"""Phrases that users should not have to read, each with what to write instead."""

import re
from typing import Final

_TABLE: Final = (
    (r"foretell\w*|foretold", "forecast"),
    (r"anew", "again; restart, reset, recalculate"),
    (r"the own|of own", "their own, its own"),
    (r"whoever|whomever", "anyone who, the person who"),
    (r"hear[sd]? of|heard (?:from|again)", "reports, is offline, is reachable again"),
    (r"(?:is|are|was|were|be) (?:not )?heard", "reports, is reachable"),
    (r"(?:device|meter|bridge|provider|clock|register|reading|statement|answer)s? tells?", "reports, shows"),
    (r"(?:is|are|was|were) told (?:of|about|again|apart|anew|as|what|so)", "is notified of, is reported as"),
    (r"told whom|who is told|whom? (?:it|they) tells?", "who is notified"),
    (r"what (?:is|was|were) told|nobody was told|never told of", "what was reported"),
    (r"tells? (?:a|the) reading", "submit a reading"),
    (r"tells? apart", "distinguish"),
    (r"says? (?:whether|what it may)", "show whether"),
    (r"say what is wrong", "report errors, validate"),
    (r"so tells|tells? nothing|tells? everything", "reveals, contains"),
    (r"at a desk", "locally"),
    (r"(?-i:Holds? that|to hold that)", "test that, check that"),
    (r"held against|hold(?:s|ing)? (?:it|them|every|each|what|its) \w* ?against", "compared with"),
    (r"let(?:s|ting)? go(?: of)?", "delete, release"),
    (r"let(?:s|ting)? the next", "move the next customer in"),
    (r"(?:needs?|wants?|worth|have|take) a look", "needs attention, worth checking"),
    (r"gravest", "most severe"),
    (r"to the last unit", "exactly"),
    (r"at most so many|so many back", "maximum number of items to return"),
    (r"mend(?:s|ed|ing)?", "fix, correct"),
    (r"touching nothing", "without changing anything"),
    (r"pretend(?:s|ing)? to be", "simulate, impersonate"),
    (r"good no more|no good any more", "no longer valid"),
    (r"made-up", "fake, random, sample"),
    (r"believed|believes (?:its|the) clock", "trusted"),
    (r"(?:not|does|will|must|has to) obeys?|obeyed", "respond"),
    (r"what (?:became|becomes|has become) of", "the state of, what happens to"),
    (r"the way of (?:a|the|every) (?:reading|request|payment)", "the path of"),
    (r"gone through", "processed, covered"),
    (r"br(?:ings?|ought) (?:\w+ ){0,4}along", "includes, starts its own"),
    (r"(?-i:(?:^|[.;:] )Who (?:moves|moved|chooses|lost|guessed|pays))", "A customer who, Somebody who"),
    (r"stands? in (?:the|its|their|a|an)", "is in"),
    (r"at the soonest", "at the earliest"),
    (r"in the mean(?!time|while)", "on average"),
    (r"came in in", "received in"),
    (r"(?:is|are) to be", "must be, will be"),
    (r"dearer|dearest", "more expensive, highest"),
    (r"unsure", "not known, without a forecast"),
    (r"with(?:out)? a(?:ny)? word of|without a word", "silently, without mentioning"),
    (r"what what", "what"),
    (r"doings|happenings", "events"),
    (r"by (?:one's|ones) own", "by themselves"),
    (r"ask(?:s|ed|ing)? back", "read back"),
    (r"speaks? (?:of|to) (?:the|a|its) (?:meter|device|broker)s?", "communicates with"),
    (r"spoken to over", "reached over"),
    (r"take it up|takes? up a", "apply, pick up"),
    (r"stood for|stands? for any", "leave empty for any"),
    (r"somebody guesses", "repeated invalid codes"),
    (r"reach of nothing|is not reached|not reached", "unreachable"),
    (r"left with (?:who|whom)", "open balance of"),
    (r"who lived where when", "tenancies, past and present"),
)

PHRASES: Final = tuple(
    (re.compile(rf"(?<![\w-])(?:{wrong})(?![\w-])", re.IGNORECASE), better) for wrong, better in _TABLE
)
"""A phrase, as a pattern of whole words, and what an engineer would write."""


def objections(text: str) -> list[str]:
    """Return every phrase of the list that the text contains, with the better one beside it."""
    plain = " ".join(text.split())
    return [
        f"{found[0].strip()!r} (write: {better})"
        for wrong, better in PHRASES
        for found in wrong.finditer(plain)
    ]
