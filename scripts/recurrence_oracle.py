"""Lets python-dateutil judge what Landfall makes of recurrence rules; `make judges` runs it.

Random rules of every frequency, from a seed, on floating time: each is expanded by both, from its
start or from somewhere in its middle. Where dateutil itself departs from RFC 5545 (see `departures`)
it is put right first, and how often that mattered is printed. The first rules on which the two
differ are shown, and the exit status is 1.
"""

import argparse
import collections
import datetime
import itertools
import pathlib
import random
import signal
import subprocess
import sys
import types
import warnings

import dateutil.rrule as judge

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/examples/recur"
FREQUENCIES = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
# How often each is drawn.
WEIGHTS = [3, 3, 3, 2, 2, 2, 1]
# Years after its start for which a rule is compared; dateutil walks through all of them.
YEARS = dict(zip(FREQUENCIES, [28, 12, 5, 3, 1, 1, 1]))
# Times of a rule that are looked at, and how many are compared at once.
LOOKED_AT = 30
WALKED = 2_000
COMPARED = 10
SECOND = datetime.timedelta(seconds=1)
# Seconds after which dateutil is not waited for: such a rule is left out and counted.
PATIENCE = 3.0

Case = collections.namedtuple("Case", "start rule text")


# Rules


def some(draw, low, high, most, signs):
    numbers = {draw.randint(low, high) for _ in range(draw.randint(1, most))}
    return sorted(number * draw.choice([1, -1]) if signs else number for number in numbers)


def weekdays(draw, freq, parts):
    """Weekdays, some of them counted where the RFC lets them be."""
    named = draw.sample(range(7), draw.randint(1, 3))
    can_count = freq == "MONTHLY" or freq == "YEARLY" and "byweekno" not in parts
    if not can_count or draw.random() < 0.4:
        return [(day, None) for day in sorted(named)]
    most = 5 if freq == "MONTHLY" or "bymonth" in parts else 53
    count = lambda: draw.choice([1, -1]) * draw.choice([draw.randint(1, 5), draw.randint(1, most)])
    share = draw.choice([0, 0, 0, 0.5])
    return [(day, None if draw.random() < share else count()) for day in sorted(named)]


def by_parts(draw, freq):
    parts, level = {}, FREQUENCIES.index(freq)
    may = lambda part: draw.random() < part
    if may(0.25):
        parts["bymonth"] = some(draw, 1, 12, 4, False)
    if freq == "YEARLY" and may(0.25):
        parts["byweekno"] = some(draw, *draw.choice([(1, 53), (51, 53), (1, 2)]), 3, True)
    if (freq == "YEARLY" or level >= 4) and may(0.15):
        parts["byyearday"] = some(draw, *draw.choice([(1, 366), (355, 366)]), 8, True)
    if freq != "WEEKLY" and may(0.2):
        parts["bymonthday"] = some(draw, *draw.choice([(1, 31), (28, 31)]), 6, True)
    if may(0.35):
        parts["byweekday"] = weekdays(draw, freq, parts)
    # dateutil goes from second to second, an hour takes it long.
    rare = {"byhour": 0.02, "byminute": 0.05} if freq == "SECONDLY" else {}
    for part, most in [("byhour", 23), ("byminute", 59), ("bysecond", 59)]:
        if may(rare.get(part, 0.2)):
            parts[part] = some(draw, 0, most, 12 if level > 3 else 3, False)
    if parts and may(0.3):
        # What is never there would be looked for in each second of a year.
        minutes, seconds = (len(parts.get(part, "1")) for part in ("byminute", "bysecond"))
        most = {"HOURLY": minutes * seconds, "MINUTELY": seconds, "SECONDLY": 1}.get(freq)
        most = most or draw.choice([2, 5, 20, 366])
        parts["bysetpos"] = some(draw, 1, min(most, 366), 3, True)
    return parts


def beginning(draw):
    year, month = draw.randint(1990, 2060), draw.randint(1, 12)
    day = draw.randint(1, 28)
    if draw.random() < 0.3:
        month, day = draw.choice([(1, 1), (1, 3), (2, 28), (12, 28), (12, 31), (1, 31), (7, 30)])
    time = (draw.randint(0, 23), draw.randint(0, 59), draw.randint(0, 59))
    return datetime.datetime(year, month, day, *draw.choice([time, time, (9, 0, 0), (23, 59, 59)]))


def rule_of(draw, freq, start):
    rule = {"freq": freq, **by_parts(draw, freq)}
    if draw.random() < 0.5:
        far = 5 if FREQUENCIES.index(freq) < 4 else draw.choice([5, 30, 100, 4_000])
        rule["interval"] = draw.randint(2, far)
    if draw.random() < 0.4:
        rule["wkst"] = draw.randrange(7)
    end = draw.random()
    if end < 0.2:
        rule["count"] = draw.randint(1, 25)
    elif end < 0.4:
        days = draw.choice([3, 40, 365 * YEARS[freq]])
        until = start + datetime.timedelta(seconds=draw.randint(0, days * 86_400))
        rule["until"] = draw.choice([until, until.date()])
    return rule


def spelled(rule, draw):
    """The rule as text, its parts in any order."""
    names = {"byweekday": "BYDAY"}
    parts = []
    for key, value in rule.items():
        if key == "byweekday":
            value = ",".join(f"{nth or ''}{WEEKDAYS[day]}" for day, nth in value)
        elif key == "wkst":
            value = WEEKDAYS[value]
        elif key == "until":
            is_time = isinstance(value, datetime.datetime)
            value = value.strftime("%Y%m%dT%H%M%S" if is_time else "%Y%m%d")
        elif isinstance(value, list):
            value = ",".join(map(str, value))
        parts.append(f"{names.get(key, key.upper())}={value}")
    draw.shuffle(parts)
    return ";".join(parts)


def case_of(draw):
    start = beginning(draw)
    rule = rule_of(draw, draw.choices(FREQUENCIES, WEIGHTS)[0], start)
    return Case(start, rule, spelled(rule, draw))


# What dateutil makes of them


def departures(rule):
    """Names how dateutil departs from RFC 5545 in such a rule.

    A week that two years share is missed or invented (BYWEEKNO), weekdays with and without a number
    have to agree instead of adding up (BYDAY), and places in the first week are counted from the
    start instead of from the week's begin (BYSETPOS).
    """
    numbers = {abs(number) for number in rule.get("byweekno", [])}
    days = {nth is None for _, nth in rule.get("byweekday", [])}
    if numbers & {52, 53}:
        yield "BYWEEKNO at the turn of the year"
    if len(days) == 2:
        yield "BYDAY with and without numbers"
    if rule["freq"] == "WEEKLY" and "bysetpos" in rule:
        yield "BYSETPOS in the week of the start"


class Masks(judge._iterinfo):
    """The days of a year, put right for the rules that ask for it."""

    def rebuild(self, year, month):
        last = self.lastyear, self.lastmonth
        super().rebuild(year, month)
        rule = self.rrule
        if not getattr(rule, "put_right", False) or last == (self.lastyear, self.lastmonth):
            return
        days = [datetime.date(year, 1, 1) + datetime.timedelta(i) for i in range(self.yearlen)]
        if rule._byweekno:
            wanted = set(rule._byweekno)
            self.wnomask = [bool(set(weeks(day, rule._wkst)) & wanted) for day in days] + [False] * 7
        if rule.also:
            for i, day in enumerate(days):
                self.nwdaymask[i] |= day.weekday() in rule.also


def weeks(day, wkst):
    """The number of a day's week, from the begin and from the end of the week's year."""
    begin = lambda day: day - datetime.timedelta((day.weekday() - wkst) % 7)
    this = begin(day)
    year = (this + datetime.timedelta(3)).year
    number = (this - begin(datetime.date(year, 1, 4))).days // 7 + 1
    after = (begin(datetime.date(year + 1, 1, 4)) - this).days // 7
    return number, -after


def expanded(case, put_right):
    """The times of a rule by dateutil, until the year after which it is not compared."""
    rule = dict(case.rule, freq=getattr(judge, case.rule["freq"]), dtstart=case.start)
    if not isinstance(rule.get("until", case.start), datetime.datetime):
        rule["until"] = datetime.datetime.combine(rule["until"], datetime.time(23, 59, 59))
    rule["byweekday"] = [judge.weekday(*day) for day in rule.get("byweekday", [])] or None
    count = None
    if put_right and rule["freq"] == judge.WEEKLY and "bysetpos" in rule:
        count = rule.pop("count", None)
        rule["byweekday"] = rule["byweekday"] or [judge.weekday(case.start.weekday())]
        for unit in ("hour", "minute", "second"):
            rule.setdefault(f"by{unit}", [getattr(case.start, unit)])
        back = (case.start.weekday() - rule.get("wkst", 0)) % 7
        rule["dtstart"] = case.start.replace(hour=0, minute=0, second=0) - datetime.timedelta(back)
    try:
        rrule = judge.rrule(**rule)
        rrule.put_right, rrule.also = put_right, set()
        if put_right and rrule._byweekday and rrule._bynweekday:
            rrule.also, rrule._byweekday = set(rrule._byweekday), None
        last = case.start.year + YEARS[case.rule["freq"]]
        times = (time for time in rrule if time >= case.start)
        # dateutil knows years of any length before it gives up; the shim ends it sooner.
        judge.datetime.MAXYEAR = last
        yield from itertools.takewhile(lambda time: time.year <= last, itertools.islice(times, count))
    except ValueError as error:
        # It finds out that a rule is never true only on its way.
        if "empty" not in str(error):
            raise


def within_patience(times, most):
    """So many of the times, or nothing where that takes too long."""

    def stop(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        return list(itertools.islice(times, most))
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


# The comparison


def judged(case, draw, tally):
    """What is asked of Landfall about a rule, and what it has to answer."""
    most = WALKED if draw.random() < 0.01 else LOOKED_AT
    known = list(departures(case.rule))
    times = within_patience(expanded(case, bool(known)), most)
    if times is None:
        tally["left out, because dateutil took too long"] += 1
        return None
    if known and times != within_patience(expanded(case, False), most):
        tally.update(f"put right: {name}" for name in known)
    since = 0 if draw.random() < 0.5 else draw.randint(0, max(len(times) - 1, 0))
    # The rest of a rule that goes on behind what was looked at is unknown.
    expected = times[since : since + COMPARED]
    begin = case.start
    if since:
        # The time itself, or one between it and the one before.
        between = (times[since] - times[since - 1]) / 2
        begin = times[since] - draw.choice([0, 1]) * datetime.timedelta(0, between // SECOND)
    ends = len(times) < most
    tally["from the middle" if since else "from the start" if times else "with nothing to find"] += 1
    asked = f"{case.start.isoformat()}\t{begin.isoformat()}\t{COMPARED}\t{case.text}"
    return asked, expected, ends, case


def answers(program, questions):
    lines = "".join(f"{question[0]}\n" for question in questions)
    run = subprocess.run([program], input=lines, check=True, capture_output=True, text=True)
    return run.stdout.splitlines()


def difference(question, answer):
    """Says how an answer differs from what is expected; nothing if it does not."""
    asked, expected, ends, case = question
    last = case.start.year + YEARS[case.rule["freq"]]
    if answer.startswith("!"):
        return f"{asked}\n  dateutil takes it, Landfall: {answer}"
    times = [datetime.datetime.fromisoformat(time) for time in answer.split() if time != "…"]
    times = [time for time in times if time.year <= last]
    times = times if ends else times[: len(expected)]
    if times == expected:
        return None
    spell = lambda times: " ".join(time.isoformat() for time in times) or "nothing"
    return f"{asked}\n  dateutil: {spell(expected)}\n  Landfall: {spell(times)}"


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rules", type=int, default=100_000, help="how many to compare")
    asked.add_argument("--seed", type=int, default=5545)
    asked.add_argument("--program", default=PROGRAM, help="the example `recur` of landfall-core")
    asked = asked.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    shim = types.SimpleNamespace(**{name: getattr(datetime, name) for name in datetime.__all__})
    judge.datetime, judge._iterinfo = shim, Masks
    draw, tally, compared, differences = random.Random(asked.seed), collections.Counter(), 0, []
    while compared < asked.rules:
        cases = [case_of(draw) for _ in range(min(5_000, asked.rules - compared))]
        questions = [one for one in (judged(case, draw, tally) for case in cases) if one]
        for question, answer in zip(questions, answers(asked.program, questions), strict=True):
            compared += 1
            tally[question[3].rule["freq"]] += 1
            differences += filter(None, [difference(question, answer)])
    for name, number in sorted(tally.items()):
        print(f"  {number:7} {name}")
    print("\n".join(differences[:10]))
    print(f"{compared} rules compared with python-dateutil, {len(differences)} differ (seed {asked.seed})")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
