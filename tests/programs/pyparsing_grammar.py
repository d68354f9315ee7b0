# SPDX-License-Identifier: Apache-2.0
"""pyparsing_grammar.py COUNT: parses a document COUNT times with pyparsing, of any version from 2 on (docs/statistics.md)."""
import sys
import pyparsing as pp

number = pp.Regex(r"-?\d+(\.\d+)?").setParseAction(lambda found: float(found[0]))
text = pp.quotedString.copy().setParseAction(pp.removeQuotes)
value = pp.Forward()
array = pp.Group(pp.Suppress("[") + pp.Optional(pp.delimitedList(value)) + pp.Suppress("]"))
member = pp.Group(text + pp.Suppress(":") + value)
record = pp.Dict(pp.Suppress("{") + pp.Optional(pp.delimitedList(member)) + pp.Suppress("}"))
value << (text | number | pp.Group(record) | array)

document = "{" + ", ".join('"key%d": {"list": [1, 2.5, "three", [4, -5]], "n": %d}' % (i, i) for i in range(20)) + "}"
for _ in range(int(sys.argv[1])):
    record.parseString(document)
