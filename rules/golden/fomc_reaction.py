"""Mean change of VIX over the scheduled meetings of the Fed up to a day, computed apart from Alula from the files that a store is made of:
python3 fomc_reaction.py fomc_dates.csv vix_daily.csv 2019-04-30. Standard library alone.
"""

import csv
import sys
from datetime import date, timedelta


def main(meetings, vix, until):
    close = {}
    for row in csv.DictReader(open(vix, newline="")):
        row = {k.lower(): x for k, x in row.items()}
        close[date.fromisoformat(row["date"])] = float(row["close"])
    days = sorted(close)
    place = {day: n for n, day in enumerate(days)}
    changes = []
    rows = csv.DictReader(open(meetings, newline=""))
    regular = {date.fromisoformat(row["date"]) for row in rows if row["minutes"] == "1.0"}
    for day in sorted(regular):
        # Of a meeting of two days the second decides.
        if day < date.fromisoformat(until) and place.get(day, 0) > 0 and day + timedelta(1) not in regular:
            changes.append(close[day] - close[days[place[day] - 1]])
    print(f"{len(changes)} meetings, mean change of VIX {sum(changes) / len(changes):.4f}")


main(*sys.argv[1:])
