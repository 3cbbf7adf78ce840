# shellcheck shell=bash
# Sets keys of a table in a TOML file and leaves every other byte as it is. Needs awk.

# Reads character by character only as far as it must: to know at the beginning of each line whether it is inside of a
# string or of a list that began above. A line that looks like a header in there is none.
# Modes: set (print the new file), get (print "key value" of the table's keys). Ends with status 3 if the table is there in
# a form that is not edited here: with dots (validation.key = …), inline (validation = {…}), quoted, or twice.
# shellcheck disable=SC2016
readonly TOML_PROGRAM='
  # After a line: the string that goes on in the next one ("" if none), and how many brackets of a value are open.
  function read_line(text,   i, c, n) {
    n = length(text)
    for (i = 1; i <= n; i++) {
      c = substr(text, i, 1)
      if (inside == "\"\"\"" || inside == quote3) {
        if (inside == "\"\"\"" && c == "\\") { i++; continue }
        if (substr(text, i, 3) == inside) { inside = ""; i += 2 }
        continue
      }
      if (c == "#") return
      if (substr(text, i, 3) == "\"\"\"" || substr(text, i, 3) == quote3) { inside = substr(text, i, 3); i += 2; continue }
      if (c == "\"") { for (i++; i <= n && substr(text, i, 1) != "\""; i++) if (substr(text, i, 1) == "\\") i++; continue }
      if (c == quote) { for (i++; i <= n && substr(text, i, 1) != quote; i++); continue }
      if (c == "[" || c == "{") depth++
      if (c == "]" || c == "}") depth--
    }
  }
  function key_of(text) { sub(/^[ \t]*/, "", text); sub(/[ \t]*=.*$/, "", text); return text }
  # What follows the value: blanks and a comment, found outside of strings.
  function after_value(text,   i, c, at) {
    at = index(text, "=") + 1
    for (i = at; i <= length(text); i++) {
      c = substr(text, i, 1)
      if (c == "#") break
      if (c == "\"") { for (i++; i <= length(text) && substr(text, i, 1) != "\""; i++) if (substr(text, i, 1) == "\\") i++ }
      else if (c == quote) { for (i++; i <= length(text) && substr(text, i, 1) != quote; i++); }
    }
    if (i > length(text)) return ""
    while (substr(text, i - 1, 1) ~ /[ \t]/) i--
    return substr(text, i)
  }
  BEGIN {
    quote = "\047"; quote3 = quote quote quote
    count = split(wanted, pairs, " ")
    for (i = 1; i <= count; i++) { at = index(pairs[i], "="); order[i] = substr(pairs[i], 1, at - 1); value[order[i]] = substr(pairs[i], at + 1) }
    root = 1
  }
  {
    line = $0
    # A file of another system keeps its line ends.
    end = ""
    if (sub(/\r$/, "", line)) end = "\r"
    if (NR == 1) ends = end
    top = inside == "" && depth == 0
    if (top && line ~ /^[ \t]*\[/) {
      name = line; sub(/^[ \t]*/, "", name); sub(/[ \t]*(#.*)?$/, "", name)
      root = 0
      in_table = 0
      if (name ~ "^\\[[ \t]*" table "[ \t]*\\]$") {
        if (seen++) strange = 1
        in_table = 1; last = NR
      } else if (name ~ "^\\[\\[?[ \t]*[\"" quote "]?" table "[\"" quote "]?[ \t]*\\]") strange = 1
    } else if (top && root && line ~ "^[ \t]*[\"" quote "]?" table "[\"" quote "]?[ \t]*[.=]") strange = 1
    else if (top && in_table && line ~ /^[ \t]*[^ \t#]/) {
      last = NR
      key = key_of(line)
      if (mode == "get") { text = line; sub(/^[^=]*=[ \t]*/, "", text); sub(/[ \t]*(#.*)?$/, "", text); print key, text }
      else if (key in value) {
        read_line(line)
        if (inside != "" || depth != 0) strange = 1
        indent = line; sub(/[^ \t].*$/, "", indent)
        rest = after_value(line)
        text = line; sub(/^[^=]*=[ \t]*/, "", text); sub(/[ \t]*(#.*)?$/, "", text)
        if (text != value[key]) line = indent key " = " value[key] rest
        done[key] = 1
        lines[NR] = line end
        next
      }
    } else if (in_table && line !~ /^[ \t]*$/ && !top) last = NR
    read_line(line)
    lines[NR] = $0
  }
  END {
    if (strange || inside != "" || depth != 0) exit 3
    if (mode == "get") exit
    if (!seen) {
      for (n = 1; n <= NR; n++) print lines[n]
      if (NR > 0 && lines[NR] !~ /^[ \t\r]*$/) print "" ends
      print "[" table "]" ends
      for (i = 1; i <= count; i++) print order[i] " = " value[order[i]] ends
      exit
    }
    for (n = 1; n <= NR; n++) {
      print lines[n]
      if (n == last) for (i = 1; i <= count; i++) if (!(order[i] in done)) print order[i] " = " value[order[i]] ends
    }
  }'

# toml_get FILE TABLE: the keys of the table, one "key value" a line. Status 3: see above.
toml_get() {
  [ -f "$1" ] || return 0
  LC_ALL=C awk -v mode=get -v "table=$2" "$TOML_PROGRAM" "$1"
}

# toml_set FILE TABLE KEY=VALUE...: the new contents of the file. Values must be free of blanks. Status 3: see above.
toml_set() {
  local text file=$1 table=$2
  shift 2
  # The last x keeps empty lines at the end, which $(…) drops.
  text=$({ [ ! -f "$file" ] || cat -- "$file"; } | LC_ALL=C awk -v mode=set -v "table=$table" -v "wanted=$*" "$TOML_PROGRAM" && echo x) || return
  text=${text%x}
  # A file that did not end with a line end does not get one, unless something stands there now.
  if [ -s "$file" ] && [ -n "$(tail -c 1 -- "$file")" ]; then
    if [ "$(tail -n 1 -- "$file")" = "$(printf '%s' "$text" | tail -n 1)" ]; then text=${text%$'\n'}; fi
  fi
  printf '%s' "$text"
}
