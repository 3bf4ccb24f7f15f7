# examples.awk - the examples of manuals, from their mdoc source, and of the README.
#
#   awk -f examples.awk -v list=1 README.md man/*.[157]   PAGE: NEED, one a line
#   awk -f examples.awk -v want='PAGE: NEED' man/PAGE     the text of that one
#
# An example is what a .Dl line or a literal block shows in the sections EXAMPLES and
# RECIPES; its need is the sentence before it, or the heading. In the README it is an
# indented block under Recipes; its need stands before it in bold.

FNR == 1 { stop(); page = FILENAME; sub(/.*\//, "", page); inside = indented = 0 }

page ~ /\.md$/ {
	if (/^## /) inside = $2 == "Recipes"
	if (!inside) next
	if (/^\*\*/) { need = $0; sub(/^\*\*/, "", need); sub(/\.?\*\*.*/, "", need) }
	if (indented && !/^    /) stop()
	if (!indented && /^    /) start()
	indented = /^    /
	if (indented) put(substr($0, 5))
	next
}

/^\.S[hs] / {
	if ($1 == ".Sh") inside = ($2 == "EXAMPLES" || $2 == "RECIPES")
	need = ""; title = plain(substr($0, 5)); next
}
!inside { next }

/^\.Dl / { start(); put(substr($0, 5)); stop(); next }
/^\.Bd / { start(); block = 1; next }
/^\.Ed/ { block = 0; stop(); next }
block { put($0); next }

/^\.Pp/ { next }
/^\.Xr / { add($2 "(" $3 ")" $4); next }
/^\.[A-Z]/ { $1 = ""; add(plain(substr($0, 2))); next }
{ add(plain($0)) }

# A sentence after another takes its place.
function add(text) { need = (need == "" || need ~ /\.$/) ? text : need " " text }

function start() {
	name = need == "" ? title : need
	sub(/:$/, "", name)
	name = page ": " name
	if (list) print name
	need = ""
}
function put(line) {
	line = plain(line)
	sub(/^\$ /, "", line)
	if (name == want) print line
}
function stop() { name = "" }

function plain(line) {
	gsub(/\\&/, "", line)
	gsub(/\\\(dq/, "\"", line)
	gsub(/\\-/, "-", line)
	gsub(/\\e/, "\\", line)
	return line
}
