# Draws docs/pictures/performance.svg from the first table of docs/performance.md: bars with their figures, no axes.
#
#   awk -f benches/picture.awk docs/performance.md > docs/pictures/performance.svg

BEGIN {
    FS = " *\\| *"
    top = 72
}

# One bar: its figure, and what it is about, beside its end.
function bar(kind, x, y, width, figure, about) {
    body = body sprintf("  <rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"18\" rx=\"2\"/>\n", kind, x, y, width)
    body = body sprintf("  <text class=\"label\" x=\"%d\" y=\"%d\">%s <tspan class=\"note\">%s</tspan></text>\n", x + width + 6, y + 14, figure, about)
}

function size(x, y, count) {
    body = body sprintf("  <text class=\"size\" x=\"%d\" y=\"%d\">%s</text>\n", x, y, count)
}

# The row of the table: size, read, servers, late, bare client, plan, ratio, requests, peak, above idle.
$5 == "0 ms" && ($4 == "10x real" || ($4 == "flat out" && $3 == "accounts")) {
    if (!($2 in row)) {
        row[$2] = rows++
        y = top + 86 * row[$2]
        size(104, y + 27, $2)
        size(608, y + 27, $2)
    }
    y = top + 86 * row[$2]
    if ($3 == "accounts") {
        is_flat = $4 == "flat out"
        bar(is_flat ? "flat" : "paced", 112, y + 24 * is_flat, 70 * $8, $8, (is_flat ? "servers without any delay" : "servers at ten times the real speed"))
    }
    if ($4 == "10x real") {
        memory = $11
        sub(/ MiB/, "", memory)
        bar("memory", 616, y + 24 * ($3 != "accounts"), memory / 2, memory " MiB", ($3 == "accounts" ? "accounts" : "accounts and links"))
    }
}

END {
    height = top + 86 * rows
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 " height "\" width=\"960\" height=\"" height "\" role=\"img\" aria-labelledby=\"title desc\">"
    print "  <title id=\"title\">Time and memory of a plan</title>"
    print "  <desc id=\"desc\">The figures of the table, as bars: the time of a plan as a ratio against a bare client that fetches the same lists, and the memory above the idle process.</desc>"
    print "  <style>"
    print "    .card { fill: #fcfcfd; stroke: #c3cad5; }"
    print "    .paced { fill: #2f7d46; }"
    print "    .flat { fill: #b17c0e; }"
    print "    .memory { fill: #3565a8; }"
    print "    .axis { stroke: #3a4658; stroke-width: 2; }"
    print "    text { font-family: \"DejaVu Sans\", Verdana, Arial, sans-serif; }"
    print "    .name { font-size: 16px; font-weight: bold; fill: #1d2733; }"
    print "    .note { font-size: 12px; fill: #3a4658; }"
    print "    .label { font-size: 12px; font-weight: bold; fill: #1d2733; }"
    print "    .size { font-size: 12px; fill: #3a4658; text-anchor: end; }"
    print "    @media (prefers-color-scheme: dark) {"
    print "      .card { fill: #161b22; stroke: #3a4658; }"
    print "      .paced { fill: #5fb87a; }"
    print "      .flat { fill: #d9a441; }"
    print "      .memory { fill: #7aa5e0; }"
    print "      .axis { stroke: #b6c2d1; }"
    print "      .name, .label { fill: #eef2f7; }"
    print "      .note, .size { fill: #b6c2d1; }"
    print "    }"
    print "  </style>"
    print "  <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"959\" height=\"" height - 1 "\" rx=\"12\"/>"
    print "  <text class=\"name\" x=\"24\" y=\"36\">Time, as a ratio against a bare client</text>"
    print "  <text class=\"note\" x=\"24\" y=\"56\">members and accounts; the line is the bare client, 1.00</text>"
    print "  <text class=\"name\" x=\"528\" y=\"36\">Memory above the idle process</text>"
    print "  <text class=\"note\" x=\"528\" y=\"56\">servers at ten times the real speed</text>"
    printf "%s", body
    printf "  <path class=\"axis\" d=\"M182 %d L182 %d\"/>\n", top - 4, top + 86 * rows - 38
    print "</svg>"
}
