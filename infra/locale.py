"""听得进批评: whoever complains is answered in their own language, in plain words and with dates they can read.

Message ids are English sentences; ``templates/locale/<locale>/LC_MESSAGES/*.po`` translate them. The catalogues are
read as text when they are first needed, so nothing has to be compiled and nothing can be stale.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, lists, numbers
from babel.messages import extract, mofile, pofile
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from infra.mistakes import Mistake
from infra.settings import ROOT, TEMPLATES, settings
from rules.refusals import FIELD_SENTENCES, SENTENCES
from rules.said import Said

CATALOGUES = TEMPLATES / "locale"
SOURCE = "en"
"""The locale of the message ids themselves."""
CITY_ZONE = ZoneInfo("Asia/Shanghai")

_PATTERNS: Mapping[str, Mapping[str, str]] = {
    "zh": {"moment": "y年M月d日 EEE HH:mm", "day": "y年M月d日 EEE", "short": "M月d日 EEE HH:mm", "time": "HH:mm"},
    "en": {"moment": "EEE d MMM y, HH:mm", "day": "EEE d MMM y", "short": "EEE d MMM, HH:mm", "time": "HH:mm"},
}

_MARKED = {**extract.DEFAULT_KEYWORDS, "said": None, "noted": None}
"""Functions whose first argument is a message id."""

Moment = datetime | str


@lru_cache
def locales() -> tuple[str, ...]:
    """Every locale there is a catalogue for, English first."""
    return (SOURCE, *sorted(p.name for p in CATALOGUES.iterdir() if (p / "LC_MESSAGES").is_dir()))


def spoken(lang: str | None) -> str:
    """The locale of what a command prints: the one asked for (``zh`` will do), else ``MINSHENG_LOCALE``, else English.

    Raises :class:`Mistake`.
    """
    known = settings()
    asked = lang or (known.locale if "locale" in known.model_fields_set else SOURCE)
    found = next((one for one in locales() if asked in (one, language(one))), None)
    if found is None:
        raise Mistake(f"--lang '{asked}' is not known; write one of: {', '.join(locales())}")
    return found


def language(locale: str) -> str:
    """``zh`` or ``en``: the key of the labels in the rulebook."""
    return locale.partition("_")[0]


@lru_cache
def translator(locale: str) -> NullTranslations:
    """The merged catalogues of ``locale``; English: the ids. Raises :class:`Mistake` when unknown."""
    if locale not in locales():
        raise Mistake(f"there is no locale '{locale}'; MINSHENG_LOCALE may be one of: {', '.join(locales())}")
    merged = Translations()
    for path in _catalogues(locale):
        part = _compiled(path, locale)
        merged.merge(part)
        merged.plural = part.plural  # merge() forgets it, and Chinese has one form only
    return merged


def say(locale: str, sentence: str, **places: Any) -> str:
    """An English sentence in ``locale``, its ``%(name)s`` places filled."""
    said = translator(locale).gettext(sentence) if sentence else ""
    return said % places if places else said


def again(sentence: str, locale: str) -> str:
    """What the rules have said, in ``locale``; whatever was not made to be translated stays as it is."""
    return sentence.again(translator(locale).gettext) if isinstance(sentence, Said) and sentence else sentence


def _catalogues(locale: str) -> list[Path]:
    return sorted((CATALOGUES / locale / "LC_MESSAGES").glob("*.po"))


def _compiled(path: Path, locale: str) -> Translations:
    compiled = io.BytesIO()
    with path.open("rb") as text:
        mofile.write_mo(compiled, pofile.read_po(text, locale=locale, abort_invalid=True))
    compiled.seek(0)
    return Translations(compiled)


def moment_text(value: Moment, locale: str, style: str = "moment") -> str:
    """An aware moment (or its ISO text) in the city's time: ``2026年11月25日 周三 17:00``.

    Styles: ``moment``, ``day``, ``short`` (without the year), ``time``.
    """
    local = _aware(value).astimezone(CITY_ZONE)
    return dates.format_datetime(local, _PATTERNS[language(locale)][style], locale=_known(locale))


def day_text(value: date | Moment, locale: str) -> str:
    """A date, its ISO text, or the city's date at a moment: ``2026年11月25日 周三``."""
    if isinstance(value, str) and len(value) == len("2026-11-25"):
        value = date.fromisoformat(value)
    if isinstance(value, datetime | str):
        return moment_text(value, locale, "day")
    return dates.format_date(value, _PATTERNS[language(locale)]["day"], locale=_known(locale))


def relative_text(value: Moment, locale: str, *, to: Moment) -> str:
    """How far ``value`` lies from ``to``: ``3天前``, ``in 2 hours``."""
    return dates.format_timedelta(_aware(value) - _aware(to), add_direction=True, locale=_known(locale))


def span_text(value: timedelta, locale: str) -> str:
    """A length of time in its largest unit: ``3天``, ``2 hours``."""
    return dates.format_timedelta(value, locale=_known(locale))


def number_text(value: float, locale: str) -> str:
    return numbers.format_decimal(value, locale=_known(locale))


def percent_text(value: float, locale: str) -> str:
    """A share between 0 and 1, to a tenth of a per cent."""
    return numbers.format_percent(value, "0.#%", locale=_known(locale))


def listed(words: Sequence[str], locale: str) -> str:
    """``A、B和C``, ``A, B and C``."""
    return lists.format_list(list(words), locale=_known(locale))


def label(names: Mapping[str, str], locale: str) -> str:
    """The name in this language of anything the rulebook names in several."""
    return names.get(language(locale)) or next(iter(names.values()))


@lru_cache
def _known(locale: str) -> Locale:
    """Babel's own record; given only a name it would search its folder each time."""
    return Locale.parse(locale)


def _aware(value: Moment) -> datetime:
    aware = datetime.fromisoformat(value) if isinstance(value, str) else value
    if aware.tzinfo is None:
        raise ValueError(f"a moment needs its zone: {value!r}")
    return aware


def _lines(text: str) -> Markup:
    """Line breaks of plain text for mail programs, which know no ``white-space``."""
    return Markup("<br>").join(text.splitlines())


_FILTERS: Mapping[str, Callable[..., str]] = {
    "moment": moment_text, "day": day_text, "relative": relative_text, "span": span_text,
    "number": number_text, "percent": percent_text, "label": label, "listed": listed,
}  # fmt: skip


@lru_cache
def environment(locale: str) -> Environment:
    """``templates/`` in ``locale``: strict about undefined names, HTML escaped, text left alone.

    Filters take the locale by themselves: ``{{ due_at|moment }}``, ``{{ stage.label|label }}``. Globals: ``language``
    (``zh``), ``locale`` (``zh_CN``), ``lang`` (``zh-CN``, for HTML).
    """
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",), default_for_string=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(translator(locale), newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    made.filters |= {name: partial(_located, filter_, locale) for name, filter_ in _FILTERS.items()}
    made.filters["lines"] = _lines
    made.globals |= {"language": language(locale), "locale": locale, "lang": locale.replace("_", "-")}
    return made


def _located(filter_: Callable[..., str], locale: str, value: Any, *args: Any, **more: Any) -> str:
    return filter_(value, locale, *args, **more)


def missing(locale: str) -> list[str]:
    """Message ids of templates, code and refusals that ``locale`` does not translate yet; a test keeps this empty."""
    known = translator(locale)
    return sorted({found for found in message_ids() if locale != SOURCE and not _translated(known, found)})


def _translated(known: NullTranslations, id: str) -> bool:
    catalogue = getattr(known, "_catalog", {})
    return bool(catalogue.get(id) or catalogue.get((id, 0)))


def message_ids() -> Iterator[str]:
    """Every sentence that a person may read: marked ones in templates and code, and the refusals of the rules."""
    for words in _words():
        yield from words.values()
    templates = [("**.html", "jinja2"), ("**.txt", "jinja2")]
    strict = {pattern: {"trimmed": "true", "silent": "false"} for pattern, _ in templates}
    for found in extract.extract_from_dir(str(TEMPLATES), templates, options_map=strict):
        yield from _ids(found[2])
    for package in ("infra", "rules", "tasks", "flows"):
        for found in extract.extract_from_dir(str(ROOT / package), [("**.py", "python")], keywords=_MARKED):
            yield from (id for id in _ids(found[2]) if id)


def _words() -> Iterator[Mapping[str, str]]:
    """The lists of sentences that are kept by their codes."""
    from infra import wording  # noqa: PLC0415 -- these say their words with this module
    from infra.workbench import (  # noqa: PLC0415 -- the same
        backtest_words,
        diff_words,
        moving_words,
        page_words,
        picture_words,
        refusals,
        simulation_words,
    )
    from infra.workbench.words import STANDINGS  # noqa: PLC0415 -- the same
    from rules.check_cells import VOCABULARY  # noqa: PLC0415 -- only who looks for all sentences needs it

    yield from (
        SENTENCES,
        FIELD_SENTENCES,
        wording.TERMS,
        wording.CLOCKS,
        wording.LETTERS,
        wording.TABLES,
        wording.FILES,
        wording.FIELDS,
        wording.SENTENCES,
        refusals.SENTENCES,
        STANDINGS,
        diff_words.SENTENCES,
        diff_words.WORDS,
        moving_words.HOWS,
        page_words.ROLES,
        page_words.MIGRATION,
        page_words.SENTENCES,
        page_words.STATES,
        picture_words.OUTCOMES,
        picture_words.SENTENCES,
        *backtest_words.ALL,
        *simulation_words.ALL,
        {column: column.rstrip("/") for column in VOCABULARY},
    )


def _ids(message: str | tuple[str, ...]) -> Iterator[str]:
    """The singular stands for both forms of a plural."""
    yield message if isinstance(message, str) else message[0]
