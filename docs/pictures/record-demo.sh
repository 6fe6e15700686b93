#!/usr/bin/env bash
# Records `matrix-keycloak-sync demo` in 80 columns as docs/pictures/demo.svg. rich (PyPI) converts the colours to SVG, in a
# virtual environment below target/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rich_version=15.0.0
environment=target/record-demo
recording=$environment/demo.txt

cargo build --quiet --locked
[[ -x $environment/bin/python ]] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet "rich==$rich_version"

# Without a terminal there is no progress bar, and both streams keep their order.
COLUMNS=80 target/debug/matrix-keycloak-sync --color always demo > "$recording" 2>&1

"$environment/bin/python" - "$recording" docs/pictures/demo.svg <<'PYTHON'
import io
import re
import sys

from rich.console import Console
from rich.text import Text

COLUMNS = 80
recording, picture = sys.argv[1:]
told = open(recording, encoding="utf-8").read()
# The demo's directory differs each time; the picture should change only if the program does.
told = re.sub(r"[^ ']*/\.tmp\w+/", "/tmp/demo/", told)
console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True, legacy_windows=False)
for line in Text.from_ansi("$ matrix-keycloak-sync demo\n\n" + told).split("\n"):
    # A terminal breaks lines at its width, not between words.
    for part in line.divide(range(COLUMNS, len(line), COLUMNS)):
        console.print(part, no_wrap=True, overflow="ignore", crop=False)
svg = console.export_svg(title="matrix-keycloak-sync demo", unique_id="demo")
# No font is fetched: each line has a fixed length with any font.
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
svg = re.sub(r"font-family: *Fira Code, *monospace", "font-family: DejaVu Sans Mono, Menlo, Consolas, monospace", svg)
# Not every viewer shows leading blanks, so the text starts further right instead. Empty texts are removed.
cell = float(re.search(r'textLength="([\d.]+)"[^>]*>\$&#160;matrix-keycloak-sync&#160;demo<', svg)[1]) / len("$ matrix-keycloak-sync demo")
def begin_later(found):
    before, x, between, length, after, blanks, rest = found.groups()
    shift = cell * len(blanks) / len("&#160;")
    return f"{before}{float(x) + shift:g}{between}{float(length) - shift:g}{after}{rest}"
svg = re.sub(r'(<text [^>]*x=")([\d.]+)("[^>]*textLength=")([\d.]+)("[^>]*>)((?:&#160;)+)([^<\n])', begin_later, svg)
svg = re.sub(r"<text [^>]*>\s*</text>", "", svg)
with open(picture, "w", encoding="utf-8") as out:
    out.write(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE))
PYTHON
printf 'docs/pictures/demo.svg: %d bytes\n' "$(wc -c < docs/pictures/demo.svg)"
