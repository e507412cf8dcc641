"""Common words of seven languages: by them a language is told, and a capital that only begins a sentence is known."""

from __future__ import annotations

import re
from collections.abc import Mapping

_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": """
            a about above after again all also although an and another any are as at because been before both but by
            can could did do does each either even every finally first for from further had has have he hence her here
            his how however i if in indeed instead is it its just last later let like many may meanwhile might more
            moreover most much my neither never nevertheless next no nor not note now of often on once one only or
            other our over perhaps please see several she should similarly since so some sometimes soon still such than
            that the their then there therefore these they this those though through thus to today together too two
            under unless until use was we well were what when where whereas whether which while who why will with
            within without would yes yet you your
        """,
        "de": """
            aber alle als also am an auch auf aus bei bitte da dabei damit dann darum das dass dem den denn der des
            deshalb die dies diese dieser dieses doch dort du durch ein eine einem einen einer er es für gegen hat hier
            ich ihr ihre im in ist ja jede jeder jetzt kann kein keine man mein mit nach nicht noch nur ob oder ohne
            seit sich sie sind so sondern und uns unser unter vom von vor wann war warum was wegen weil wenn wer werden
            wie wir wird wo zu zum zur zwar
        """,
        "fr": """
            alors après au aussi aux avant avec bien c ce ces cet cette comme d dans de depuis des donc du elle elles en
            entre est et il ils j je l la le les leur lorsque mais mes mon même n ne nos notre nous on où par parce pas
            pendant plus pour pourquoi puis qu quand que qui quoi sa sans se selon ses si son sont sous sur tous tout
            très un une vers voici vos votre vous
        """,
        "es": """
            a ahora al antes aquí así aunque como con cuando cuál de del desde después donde dos el ella ellos en
            entonces era es esta este esto estos fue hay hoy la las lo los me mi muy más nada ni no nos nuestro o para
            pero por porque pues que quién se según ser si sin sobre su sus también todo todos tras tu un una usted y ya
            yo
        """,
        "it": """
            a ai al alla allora anche che chi ci come con cosa così da dal dalla dei del della delle di dopo dove e ecco
            essere fra gli ha hanno ho i il in inoltre invece io la le lo loro ma mentre mi nei nel nella noi non nostro
            o ogni oggi per perché però più poi prima quale quando quella quello questa questo qui se secondo sei si
            sono su sua sul tra tutti tutto un una uno
        """,
        "pt": """
            a agora ainda ao aos aqui as até bem com como da das de depois do dos e ela ele eles em então era essa esse
            esta este eu foi há isso isto já mais mas me meu minha muito na nas no nos nosso não nós o onde os ou para
            pela pelo por porque quando que quem se segundo sem ser seu sua são só também tem todos um uma você à é
        """,
        "nl": """
            aan al alle als bij daar dan dat de deze die dit door een en er geen had heb hebben heeft het hier hij hoe
            hun ik in is ja je kan kunnen maar meer men met mijn na naar niet nog nu of om omdat onder ons onze ook op
            over te toen tot uit van veel volgens voor waar wanneer waren was wat we wel wie wij word wordt zal ze zich
            zij zijn zo zou
        """,
    }.items()
}
_OPENERS = """
    accordingly actually add additional additionally adds allow allows alternatively anyone anything apply
    approximately argument arguments assume avoid based basically begin besides beyond build builds calculate call
    calls certain certainly change changes check checks choose clearly close compare compute computes configure
    consequently consider contains continue conversely convert converts copy correct create created creates
    currently data default defaults define defines delete depending describe describes despite determine directly
    don done draw due else empty enable encode ensure error errors especially eventually everyone everything exactly
    example examples except execute existing extract false few file files find finds fix fixed follow following
    fortunately four frequently function functions furthermore generally get gets give given gives go handle hello
    helper hi hopefully ideally ignore immediately implement implements important include includes including
    increase initialize initially input insert install internally internal invalid it's keep keys known less
    likewise list lists load loads look make makes maybe means method methods modify move multiple must name names
    neither new nobody none normally nothing number obviously occasionally often okay old open optional optionally
    order original originally otherwise output parameters parse parses particularly pass passing people possible
    possibly prefer presumably prevent previously print prints probably process produce provide provided provides
    put raise raises rarely read reads really recently refer regarding regardless remember remove removes replace
    report represents request required requires result results return returned returns roughly run running runs save
    seven send sends set sets setting several show shows simple simply single six skip small someone something sorry
    specific specifically specifies specify split start starting starts stop store string strings subsequently
    suppose support supports surprisingly take takes technically tell test tests thank thanks thereby though three
    tomorrow tonight true try turn type types typically ultimately unfortunately unlike update updates used useful
    user users uses using usually valid value values various verify version versions via view wait warning watch
    whatever whenever wherever whoever work works write writes writing yesterday
"""
"""English words that often begin a sentence, most of them verbs, and that say little of the language."""
COMMON = frozenset().union(*_WORDS.values())
STARTERS = COMMON.union(_OPENERS.split())
"""Words that a sentence may begin with and that are no names."""
_WORD = re.compile(r"[^\W\d_]+")


def is_english(text: str) -> bool:
    """Whether no other of the languages is more likely; a text that says nothing of it may be English."""
    words = [word.lower() for word in _WORD.findall(text)]
    counts = {language: sum(map(known.__contains__, words)) for language, known in _WORDS.items()}
    return counts["en"] == max(counts.values())
