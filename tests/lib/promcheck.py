#!/usr/bin/python3
"""Check Prometheus text (version 0.0.4) on stdin as promtool does: each family has one
HELP and one TYPE before its samples, which stand together; names and labels are sound;
counters end in _total, gauges do not; units are base units; no sample stands twice."""
import re, sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(r"(%s)(?:\{(%s(?:,%s)*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)$" % (NAME, LABEL, LABEL))

text = sys.stdin.read()
wrong, help_of, type_of, seen, family, done = [], {}, {}, set(), None, set()
if not text.endswith("\n"):
    wrong.append("no line end at the end")
for number, line in enumerate(text.splitlines(), 1):
    def bad(why):
        wrong.append("line %d: %s: %s" % (number, why, line))
    comment = re.match(r"# (HELP|TYPE) (%s) (.+)$" % NAME, line)
    if comment:
        kind, name, rest = comment.groups()
        if name != family:
            if name in done:
                bad("the family is torn apart")
            done.add(family)
            family = name
        table = help_of if kind == "HELP" else type_of
        if name in table:
            bad("a second " + kind)
        table[name] = rest
        if kind == "TYPE":
            if rest not in ("counter", "gauge", "summary", "histogram"):
                bad("unknown type")
            if (rest == "counter") != name.endswith("_total"):
                bad("counters, and only counters, end in _total")
            if re.search(r"_(ms|milliseconds|minutes|kb|kilobytes|percent)(_|$)", name):
                bad("not a base unit")
        continue
    sample = SAMPLE.match(line)
    if not sample:
        bad("malformed")
        continue
    name, labels, value = sample.groups()
    base = re.sub(r"_(sum|count)$", "", name) if type_of.get(family) == "summary" else name
    if base != family or family not in help_of or family not in type_of:
        bad("a sample outside of its family")
    if (name, labels) in seen:
        bad("a second sample")
    seen.add((name, labels))
    if type_of.get(family) == "counter" and float(value) < 0:
        bad("a negative counter")
if not seen:
    wrong.append("no samples")
print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(bool(wrong))
