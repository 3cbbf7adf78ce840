# shellcheck shell=bash
# Takes secrets out of text before it leaves the host. Needs awk.

# What counts as a secret:
#   the value of a name that holds password, secret, token, credential, ... or ends in key, after "=" or ":" or as an option
#   what follows "Bearer" or "Basic"; user and password in an address; private keys; tokens that are known by their form
# Rather too much is taken out than too little. In JSON and TOML the text stays JSON and TOML.
# It prints the text; with counts=FILE, how many of which kind were taken out are added to that file: FILE KIND COUNT.
# shellcheck disable=SC2016
readonly REDACT_PROGRAM='
  BEGIN {
    words = "(pass(word|wd|phrase)|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie|bearer|dsn)"
    # A name; whether it is quoted; what separates it from its value.
    named = "([a-z0-9_.-]*" words "[a-z0-9_.-]*|[a-z0-9_.-]*keys?)[\"\047]?[ \t]*[=:][ \t]*"
    option = "--[a-z0-9_-]*" words "[a-z0-9_-]*[ \t]+"
    mark = "[REDACTED]"
    # Not every awk knows {16}.
    for (i = 0; i < 16; i++) { upper16 = upper16 "[0-9A-Z]"; word16 = word16 "[A-Za-z0-9_-]" }
  }
  # The length of the value that text begins with: of a quoted one without its quotes.
  function value_length(text,   first, i, n, c) {
    first = substr(text, 1, 1); n = length(text)
    if (first == "\"" || first == "\047") {
      for (i = 2; i <= n; i++) {
        c = substr(text, i, 1)
        if (c == "\\" && first == "\"") { i++; continue }
        if (c == first) break
      }
      return i - 2
    }
    return match(text, /[ \t,;&})\]"\047]/) ? RSTART - 1 : n
  }
  function took(kind) { count[kind]++ }
  # Takes out the values after what matches pattern.
  function values(text, pattern, kind,   out, low, start, rest, first, size, json) {
    out = ""
    while (match(tolower(text), pattern)) {
      start = RSTART + RLENGTH
      low = tolower(substr(text, RSTART, RLENGTH))
      out = out substr(text, 1, start - 1)
      rest = substr(text, start)
      # "Authorization: Bearer x": the word is not the secret.
      if (match(tolower(rest), /^["\047]?(bearer|basic|digest)[ \t]+/)) { out = out substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1) }
      first = substr(rest, 1, 1)
      if (first == "[" || substr(rest, 1, 3) == "\"\"\"" || substr(rest, 1, 3) == "\047\047\047") {
        # A list, or a text of several lines: to its end, which may be in another line.
        closing = first == "[" ? "]" : substr(rest, 1, 3)
        size = first == "[" ? 1 : 3
        took(kind)
        start = index(substr(rest, size + 1), closing)
        if (start == 0) { swallow = closing; return out "\"" mark "\"" }
        out = out "\"" mark "\""
        text = substr(rest, size + start + length(closing))
        continue
      }
      if (first == "{" || rest == "" || first == ",") { text = rest; continue }
      size = value_length(rest)
      if (first == "\"" || first == "\047") {
        if (size > 0) { took(kind); out = out first mark } else out = out first
        text = substr(rest, size + 2)
      } else {
        if (size > 0) {
          took(kind)
          json = low ~ /["\047][ \t]*:/
          out = out (json ? "\"" : "") mark (json ? "\"" : "")
        }
        text = substr(rest, size + 1)
      }
    }
    return out text
  }
  # Takes out each match.
  function forms(text, pattern, kind,   out, start, size) {
    out = ""
    while (match(text, pattern)) {
      start = RSTART; size = RLENGTH
      took(kind)
      out = out substr(text, 1, start - 1) mark
      text = substr(text, start + size)
    }
    return out text
  }
  function schemes(text,   out, start, size) {
    out = ""
    while (match(tolower(text), /(bearer|basic)[ \t]+[a-z0-9._~+\/=-]+/)) {
      start = RSTART; size = RLENGTH
      match(substr(text, start, size), /[ \t]+/)
      if (size - RSTART - RLENGTH + 1 < 8) { out = out substr(text, 1, start + size - 1) }
      else { took("authorization"); out = out substr(text, 1, start + RSTART + RLENGTH - 2) mark }
      text = substr(text, start + size)
    }
    return out text
  }
  function addresses(text,   out, start, size, at) {
    out = ""
    while (match(text, /:\/\/[^ \t\/"\047@]+@/)) {
      start = RSTART; size = RLENGTH
      took("address with a password")
      out = out substr(text, 1, start + 2) mark "@"
      text = substr(text, start + size)
    }
    return out text
  }
  in_key { if (/-----END /) { in_key = 0 } ; next }
  swallow != "" {
    at = index($0, swallow)
    if (at == 0) next
    $0 = substr($0, at + length(swallow)); swallow = ""
    if ($0 == "") next
  }
  {
    line = $0
    if (line ~ /-----BEGIN [A-Z ]*PRIVATE KEY-----/) {
      took("private key")
      if (line !~ /-----END /) in_key = 1
      print mark
      next
    }
    low = tolower(line)
    if (low ~ words || low ~ /key/) {
      line = values(line, named, "named value")
      line = values(line, option, "option")
    }
    if (low ~ /bearer|basic/) line = schemes(line)
    if (index(line, "@")) line = addresses(line)
    if (index(line, "eyJ")) line = forms(line, "eyJ[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]*", "token")
    if (index(line, "AKIA")) line = forms(line, "AKIA" upper16, "token")
    if (line ~ /(sk|ghp|gho|ghs|glpat|xoxb|xoxp)[-_]/) line = forms(line, "(sk|ghp|gho|ghs|glpat|xoxb|xoxp)[-_]" word16 "[A-Za-z0-9_-]*", "token")
    print line
  }
  END { if (counts != "") for (kind in count) print name "\t" kind "\t" count[kind] >>counts }'

# redact NAME COUNTS: a filter. NAME stands in the counts.
redact() {
  LC_ALL=C awk -v "name=$1" -v "counts=$2" "$REDACT_PROGRAM"
}

# Variables of the environment whose values may be seen; of all others only the names are kept.
readonly KNOWN_VARIABLES='^(ENGRAM_[A-Z0-9_]*|RUST_[A-Z0-9_]*|MALLOC_[A-Z0-9_]*|HOME|PATH|PWD|USER|LOGNAME|SHELL|LANG|LC_[A-Z]*|TZ|TMPDIR|NO_COLOR|XDG_[A-Z_]*|BACKUP_DIR|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID)='

# redact_environment NAME COUNTS: a filter for lines NAME=VALUE.
redact_environment() {
  LC_ALL=C awk -v "known=$KNOWN_VARIABLES" -v "name=$1" -v "counts=$2" '
    $0 ~ known { print; next }
    /^[A-Za-z_][A-Za-z0-9_]*=/ { sub(/=.*/, "=[REDACTED]"); n++; print; next }
    # The rest of a value of several lines.
    { n++ }
    END { if (n && counts != "") print name "\tunknown variable\t" n >>counts }' | redact "$1" "$2"
}
