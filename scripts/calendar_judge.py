"""Lets icalendar and recurring-ical-events judge the calendars that Landfall writes; `make judges` runs it.

Two things are compared, on random events from a seed:

- Zones: each zone of the tz database, as icalendar understands the VTIMEZONE that was written (its
  name is not looked up), against Python's zoneinfo, which has the same release of the database from
  PyPI's tzdata. Local times are compared at random and around each change of clocks from 2020, or
  from the event on, to 2040; so are instants, up to 2037: icalendar expands no further. Some zones
  are also compared from events of any year since 1972 on.
- Events: the occurrences that recurring-ical-events finds in the text against those that Landfall
  itself finds, with their lengths, and what is said of each.

What is within three hours of a change of clocks is left out of the second: which occurrence a local
time means that clocks leave out or show twice is not the same to both. All texts have to be read
without a complaint, in lines of at most 75 octets. The first differences are shown, and the exit
status is 1.
"""

import argparse
import bisect
import collections
import datetime
import itertools
import json
import pathlib
import random
import subprocess
import sys
import zoneinfo

import icalendar
import recurring_ical_events
import tzdata
from icalendar.parser import Contentlines

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/debug/examples/calendars"
# The release of the tz database that is compiled into Landfall. A newer one would differ.
TZ_RELEASE = "2026e"
UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)
FIRST, LAST = datetime.datetime(2020, 1, 1, tzinfo=UTC), datetime.datetime(2041, 1, 1, tzinfo=UTC)
# icalendar ends all rules of a zone in that year when it lists its changes.
EXPANDED = datetime.datetime(2038, 1, 1, tzinfo=UTC)
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
# Zones in which events are: of all kinds, those with clocks that change more often.
ZONES = """Europe/Madrid Europe/London Europe/Dublin America/New_York America/Santiago Asia/Gaza
    Africa/Cairo Africa/Casablanca Asia/Jerusalem Asia/Kolkata Asia/Tokyo Australia/Sydney
    Australia/Lord_Howe America/Nuuk America/Havana Asia/Beirut Pacific/Chatham America/Sao_Paulo
    Europe/Moscow Asia/Tehran Pacific/Apia Antarctica/Troll Asia/Kathmandu UTC""".split()
WORDS = [*"Maths exam, für alle; naïve 数学 😀👩‍🏫 a:b =;:, END:VEVENT".split(), "", "tab\there"]
WORDS += ['"quoted"', "C:\\temp", "\\n", "\\\\", "a\nEND:VEVENT", "line\nbreak"]


# What is asked


def local(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def words(draw, most):
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, most))).strip()


def event(draw, zone, start, **more):
    title, description = words(draw, 5), words(draw, 60)
    until = (start + datetime.timedelta(days=2)).isoformat() + "Z"
    asked = dict(zone=zone, start=local(start), minutes=60, title=title, until=until)
    return {**asked, "description": description, **more}


def beginning(draw, first, last):
    days = draw.randrange((last - first) * 365)
    minutes = draw.randrange(0, 1440, 5)
    return datetime.datetime(first, 1, 1) + datetime.timedelta(days, minutes=minutes)


def rule(draw):
    """A rule as people have them; what programs read differently is not among them."""
    days = ",".join(WEEKDAYS[day] for day in sorted(draw.sample(range(7), draw.randint(1, 4))))
    nth, day = draw.choice([1, 2, 3, 4, -1, -2]), draw.choice(WEEKDAYS)
    return draw.choice([
        "FREQ=DAILY",
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
        f"FREQ=DAILY;BYHOUR={draw.randint(5, 11)},{draw.randint(12, 22)}",
        f"FREQ=WEEKLY;BYDAY={days}",
        "FREQ=WEEKLY",
        f"FREQ=MONTHLY;BYDAY={nth}{day}",
        f"FREQ=MONTHLY;BYMONTHDAY={draw.randint(1, 31)}",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        f"FREQ=MONTHLY;BYDAY={days};BYSETPOS={draw.choice([1, -1])}",
        f"FREQ=YEARLY;BYMONTH={draw.randint(1, 12)};BYDAY={nth}{day}",
        "FREQ=YEARLY",
    ])


def recurring(draw):
    start = beginning(draw, 2018, 2036)
    until = start + datetime.timedelta(days=draw.choice([40, 400, 1500]))
    text = rule(draw) + draw.choice(["", ";INTERVAL=2", ";INTERVAL=3"])
    if "WEEKLY" in text and draw.random() < 0.3:
        text += f";WKST={draw.choice(WEEKDAYS)}"
    last = start + datetime.timedelta(days=draw.randint(0, 600), minutes=draw.randint(0, 1440))
    stamp = last.strftime("%Y%m%d"), last.strftime("%Y%m%dT%H%M%S")
    ends = ["", "", f";COUNT={draw.randint(1, 30)}", *(f";UNTIL={last}" for last in stamp)]
    ends.append(f";UNTIL={stamp[1]}Z")
    several = lambda most: sorted(draw.sample(range(12), draw.randint(0, most)))
    moved = [(place, draw.randint(-3_000, 3_000)) for place in several(3)]
    left_out = [place for place in several(4) if place not in dict(moved)]
    if "BYHOUR" in text:
        # recurring-ical-events takes 09:00 in UTC and 09:00 in the zone for the same occurrence.
        moved, left_out = [], []
    return event(
        draw,
        draw.choice(ZONES),
        start,
        rule=None if draw.random() < 0.05 else text + draw.choice(ends),
        added=[local(start + datetime.timedelta(draw.randint(1, 90), 60)) for _ in several(2)],
        left_out=left_out,
        moved=moved,
        minutes=draw.choice([0, 5, 45, 60, 90, 1440, 4000]),
        until=until.isoformat() + "Z",
    )


def answers(program, events):
    """What Landfall makes of events; nothing where the rule has ended before the start."""
    lines = "".join(json.dumps(asked) + "\n" for asked in events)
    run = subprocess.run([program], input=lines, check=True, capture_output=True, text=True)
    refused = "!does not fit the start of the event: it says no time from there on"
    return [None if line == refused else json.loads(line) for line in run.stdout.splitlines()]


# What is read


def read(text):
    """The calendar, or a complaint."""
    octets = text.encode()
    if not octets.endswith(b"\r\n") or b"\n" in octets.replace(b"\r\n", b""):
        raise ValueError("a line does not end in CRLF")
    if any(len(line) > 75 for line in octets.split(b"\r\n")):
        raise ValueError("a line is longer than 75 octets")
    for line in octets.split(b"\r\n"):
        line.decode()
    for line in Contentlines.from_ical(text):
        if line:
            line.strict = True
            line.parts()
    calendar = icalendar.Calendar.from_ical(text)
    for component in calendar.walk():
        if component.errors:
            raise ValueError(f"{component.name}: {component.errors}")
        missing = [name for name in component.required if name not in component]
        if missing:
            raise ValueError(f"{component.name} lacks {missing}")
    return calendar


def offset(zone, at):
    return at.astimezone(zone).utcoffset()


def changes(zone, first):
    """The seconds at which a zone's offset changes, to 2040."""
    known, step = [], datetime.timedelta(days=5)
    for number in range((LAST - first) // step):
        low, high = first + number * step, first + (number + 1) * step
        if offset(zone, low) == offset(zone, high):
            continue
        while high - low > SECOND:
            middle = low + (high - low) // SECOND // 2 * SECOND
            low, high = (middle, high) if offset(zone, middle) == offset(zone, low) else (low, middle)
        known.append(high)
    return known


def of_zone(draw, asked, answer, tally):
    """Says where a written zone and the known one differ."""
    name = asked["zone"]
    zone, calendar = zoneinfo.ZoneInfo(name), read(answer["text"])
    begin = datetime.datetime.fromisoformat(asked["start"]).replace(tzinfo=zone).astimezone(UTC)
    begin = begin if name in ZONES else max(begin, FIRST)
    known = changes(zone, begin)
    near = [at + away for at in known for away in (-2 * HOUR, -SECOND, 0 * HOUR, HOUR, 2 * HOUR)]
    seconds = (LAST - begin) // SECOND
    times = [begin + draw.randrange(seconds) * SECOND for _ in range(40)] + near
    written = calendar.walk("VTIMEZONE")
    kind = "that change clocks" if known else "that change none" if written else "that are UTC"
    tally[f"zones {kind}"] += 1
    if not written:
        yield from (f"{name}: {at} has an offset" for at in times if offset(zone, at))
        return
    told = written[0].to_tz(lookup_tzid=False)
    listed, infos = written[0].get_transitions()
    for at in times:
        if at < begin:
            continue
        tally["local times"] += 1
        shown = at.astimezone(zone)
        if shown.replace(tzinfo=told).utcoffset() != shown.utcoffset():
            yield f"{name}: {shown} is {shown.replace(tzinfo=told).isoformat()}"
        if at < EXPANDED:
            tally["instants"] += 1
            place = bisect.bisect_right(listed, at.replace(tzinfo=None)) - 1
            if place < 0 or infos[place][0] != shown.utcoffset():
                yield f"{name}: {at} is not {shown.isoformat()}"


def is_settled(zone, at):
    """Whether no clocks change within three hours."""
    return offset(zone, at - 3 * HOUR) == offset(zone, at + 3 * HOUR)


def of_event(asked, answer, tally):
    """Says where occurrences differ."""
    calendar, zone = read(answer["text"]), zoneinfo.ZoneInfo(asked["zone"])
    until = datetime.datetime.fromisoformat(asked["until"])
    mine, theirs = collections.Counter(), collections.Counter()
    for at, minutes in answer["times"]:
        at = datetime.datetime.fromisoformat(at)
        if at < until and is_settled(zone, at):
            mine[at, minutes] += 1
    first = datetime.datetime.fromisoformat(asked["start"]).replace(tzinfo=UTC)
    for found in recurring_ical_events.of(calendar).between(first - 96 * HOUR, until):
        at = found.start.astimezone(UTC)
        if first - 80 * HOUR <= at < until and is_settled(zone, at):
            theirs[at, found.duration // SECOND // 60] += 1
        said = [str(found.get(name, "")) for name in ("SUMMARY", "DESCRIPTION")]
        if said != [asked["title"], asked["description"]]:
            yield f"{asked}\n  says {said}"
    # icalendar 7.3 reads these two as they are written, although RFC 7986 makes the first TEXT.
    names = {str(calendar.get(name, "")) for name in ("NAME", "X-WR-CALNAME")}
    if names != {icalendar.vText(asked["title"]).to_ical().decode()}:
        yield f"{asked}\n  is called {names}"
    tally["occurrences"] += sum(mine.values())
    tally["changed alone"] += len(calendar.events) - 1
    spell = lambda times: " ".join(f"{at:%Y-%m-%dT%H:%M:%S}/{minutes}" for at, minutes in sorted(times))
    if mine != theirs:
        yield f"{asked}\n  only Landfall: {spell(mine - theirs)}\n  only they: {spell(theirs - mine)}"


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--events", type=int, default=600, help="how many to compare")
    asked.add_argument("--seed", type=int, default=5545)
    asked.add_argument("--program", default=PROGRAM, help="the example `calendars` of landfall-protocol")
    asked = asked.parse_args()
    zoneinfo.reset_tzpath([])
    if tzdata.IANA_VERSION != TZ_RELEASE:
        sys.exit(f"tzdata is {tzdata.IANA_VERSION}: pin that of {TZ_RELEASE} in the Makefile")
    draw, tally, differences = random.Random(asked.seed), collections.Counter(), []
    names = sorted(zoneinfo.available_timezones() - {"Factory", "localtime"})
    zones = [event(draw, name, beginning(draw, 1972, 2020)) for name in names]
    zones += [event(draw, name, beginning(draw, 1972, 2038)) for name in ZONES * 2]
    events = [recurring(draw) for _ in range(asked.events)]
    written = answers(asked.program, zones + events)
    for zone, answer in zip(zones, written):
        differences += itertools.islice(of_zone(draw, zone, answer, tally), 2)
    for one, answer in zip(events, written[len(zones) :], strict=True):
        tally["events" if answer else "rules that end before they begin"] += 1
        differences += of_event(one, answer, tally) if answer else []
    for name, number in sorted(tally.items()):
        print(f"  {number:7} {name}")
    print(*differences[:10], sep="\n", end="\n" if differences else "")
    print(
        f"{len(zones)} zones compared with zoneinfo {TZ_RELEASE} and {len(events)} events with"
        f" recurring-ical-events, {len(differences)} differences (seed {asked.seed})"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
