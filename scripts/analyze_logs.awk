# One pass over Engram's log, for analyze_logs.sh, which passes the variables:
#   patterns  the file log_patterns.tsv     since   leave out what is older (UTC, as the log writes times), or empty
#   url       the runbook's address         format  text, json; errors: STATUS, COUNT, PAGE, EXAMPLE of each kind; or
#   source    what is read, to be shown             classify: the family of each line, at once
#   range     the time that is looked at, to be shown
#   now       the time, to be shown         work    a directory of our own, for the rest of a log of very many forms
# Exit status: 0, 1, 2 as analyze_logs.sh; 3: the patterns cannot be read.
#
# A record is a line with its continuation lines. A line is judged by its level and, if that is a warning or an error,
# by its message with all that varies taken out of it; each such form is sorted into a family once, however often it
# occurs. What is kept is bounded: MOST_FORMS forms, ten lines for the timeline. Forms beyond that are told apart from
# the rest by grep, which is many times faster at it, and sorted by a second awk at the same time as this one reads.
# Written for mawk, gawk and busybox alike: no intervals {3}, no third argument of match, no sorting functions.

BEGIN {
  MOST_FORMS = 5000
  LONGEST = 400
  TIMELINE = 10
  TOP = 10
  split("Node/memory access|Activation/confidence|Storage/persistence|Multi-space|Index/query|" \
    "Consolidation/WAL lag|Resource exhaustion", family_name, "|")
  n_indicators = split("slow-query|slow-write|wal-lag|consolidation|index-fallback", indicator_key, "|")
  split("Slow queries|Slow log writes|WAL lag warnings|Failed or slow consolidations|Unusable indices",
    indicator_name, "|")
  n_strategies = split("Retry|Fallback|PartialResult|ContinueWithoutFeature|RequiresIntervention", strategy_key, "|")
  split("Retries|Fallbacks|Partial results|Features left out|For you to solve", strategy_name, "|")
  # What the server did itself is in the words of the line.
  n_words = split("[Rr]etry!([Ff]all(ing)?( |-)?back|linear (scan|search)|using port|[Cc]lamped)!" \
    "[Pp]artial (result|success)!([Cc]ontinuing with|[Ss]kipp(ing|ed)|ignored)", strategy_words, "!")
  read_patterns()
  healthy["Z  INFO "] = healthy["Z DEBUG "] = healthy["Z TRACE "] = 1
  level = ""
  classify = (format == "classify")
  # Where the Z of the program's own time stands: at first, where it stands with nothing before the time.
  column = 27
}

# The common line, without a look at more of it than its level.
substr($0, column, 8) in healthy && substr($0, column - 7, 1) == "." {
  lines++
  if (level != "") finish()
  time = substr($0, column - 26, 26)
  if (since != "" && substr(time, 1, length(since)) < since) skipped++
  if (classify) print 0
  next
}

{
  lines++
  if (index($0, "\033")) gsub(/\033\[[0-9;]*[A-Za-z]/, "")
  # What rsyslog makes of colours.
  if (index($0, "#033[")) gsub(/#033\[[0-9;]*[A-Za-z]/, "")
  if (index($0, "\r")) sub(/\r+$/, "")

  word = substr($0, column, 8)
  if (word == "Z ERROR " || word == "Z  WARN ") {
    time = substr($0, column - 26, 26)
    begin(word == "Z ERROR " ? "ERROR" : "WARN", substr($0, column + 8, LONGEST))
    next
  }
  head = substr($0, 1, 200)
  if (match(head, /[0-9]Z? +(ERROR|WARN|INFO|DEBUG|TRACE):? /)) {
    new_record(RSTART, RLENGTH)
    next
  }
  rest = without_prefix($0)
  if (level != "" && is_continuation(rest)) {
    n_of_record++
    next
  }
  if (match(rest, /^ *(ERROR|WARN|INFO|DEBUG|TRACE):? /)) {
    word = substr(rest, 1, RLENGTH)
    rest = substr(rest, RLENGTH + 1, LONGEST)
    gsub(/[^A-Z]/, "", word)
    time_of_prefix()
    begin(word, rest)
  } else if (last_words(rest)) {
    time_of_prefix()
    begin("FATAL", substr(rest, 1, LONGEST))
  } else {
    if (level != "") finish()
    if (classify) print 0
  }
}

END {
  if (failed) exit 3
  finish()
  if (classify) exit 0
  judge()
  if (format == "json") print_json()
  else if (format == "errors") print_errors()
  else print_text()
  exit status
}

# ---- reading lines ------------------------------------------------------------------------------

# A line with the program's own level at START: its time, level and message.
function new_record(start, length_,   word, stamp) {
  word = substr(head, start + 1, length_ - 1)
  if (substr(word, 1, 1) == "Z") column = start + 1
  gsub(/[^A-Y]/, "", word)
  stamp = substr(head, 1, start)
  if (match(stamp, /[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9]:[0-9][0-9][.,0-9]*$/)) {
    time = substr(stamp, RSTART)
    sub(/ /, "T", time)
  } else time_of_prefix()
  begin(word, substr($0, start + length_, LONGEST))
}

# The time that the journal or syslog puts before a line; syslog's old form has no year and is not used.
function time_of_prefix() {
  if (match(head, /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9][.0-9]*/))
    time = substr(head, 1, RLENGTH)
}

# A line without "Nov 25 00:28:00 host engram[12]: " or "2026-11-25T00:28:00+00:00 host engram[12]: ".
function without_prefix(line) {
  if (match(head, /^[A-Z][a-z][a-z] [ 0-9][0-9] [0-9:.]+ [^ ]+ [^ ]+: /) ||
      match(head, /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9:.]+[-+:0-9Z]* [^ ]+ [^ ]+: /))
    return substr(line, RLENGTH + 1)
  return line
}

# What a process says without a level when it ends, or the system says of it.
function last_words(text) {
  return text ~ /^(Error: |PANIC at |thread .* panicked at |fatal runtime error|memory allocation of [0-9]+ bytes failed)/ ||
    text ~ /Out of memory: Killed process [0-9]+ \(engram|engram.*(OOM killer|oom-kill)/ ||
    text ~ /engram.*code=(killed|dumped), status=[0-9]+\/(SEGV|BUS|ABRT|ILL|FPE|KILL)/
}

# A new record begins.
function begin(its_level, its_text) {
  if (level != "") finish()
  if (since != "" && time != "" && substr(time, 1, length(since)) < since) { skipped++; return }
  if (its_level != "ERROR" && its_level != "WARN" && its_level != "FATAL") {
    if (classify) print 0
    return
  }
  level = its_level
  n_of_record = 1
  text = its_text
  when = time
  in_causes = 0
}

# Lines that belong to the record before them: causes are added to its text, hints and stack traces are not.
function is_continuation(line) {
  if (line ~ /^[ \t]*$/) return 1
  if (line ~ /^ *Caused by:/) { in_causes = 1; return 1 }
  if (line ~ /^ *[Ss]tack backtrace:/) { in_causes = 2; return 1 }
  if (line ~ /^[ \t]+(Expected|Suggestion|Example|Similar|Details|note|help): ?/) return 1
  if (in_causes && line ~ /^(    |\t| +[0-9]+: )/) {
    if (in_causes == 1) add_cause(line)
    return 1
  }
  return 0
}

function add_cause(line) {
  sub(/^[ \t]+/, "", line)
  sub(/^[0-9]+: /, "", line)
  if (length(text) < LONGEST) text = substr(text ": " line, 1, LONGEST)
}

# The record is complete: count its form, and remember it for the timeline.
# Messages differ most in their digits, so forms are looked up without digits first.
function finish(   key, form) {
  if (level == "") return
  if (classify) {
    print_family(level "\t" form_of(text))
    level = ""
    return
  }
  if (level == "WARN") warnings++
  else {
    errors++
    if (level == "FATAL") fatal++
    remember(level " " text)
  }
  key = level "\t" text
  gsub(/[0-9]+/, "#", key)
  if (key in known) { count[known[key]]++; level = ""; return }
  form = level "\t" form_of(text)
  level = ""
  if (form in number) {
    if (n_known < MOST_FORMS) { n_known++; known[key] = number[form] }
    count[number[form]]++
  } else if (n_forms < MOST_FORMS) {
    number[form] = ++n_forms
    forms[n_forms] = form
    count[n_forms] = 1
    if (n_known < MOST_FORMS) { n_known++; known[key] = n_forms }
  } else {
    # So many forms that no more are kept.
    if (!n_rest++) start_sorter()
    n_rest_of[substr(form, 1, index(form, "\t") - 1)]++
    print form | sorter
  }
}

# The family of the record, once for each of its lines.
function print_family(form,   family) {
  if (form in family_of) family = family_of[form]
  else {
    one_form[1] = form
    find_patterns(one_form, 1, one_pattern)
    family = one_pattern[1] ? p_family[one_pattern[1]] : 0
    if (n_known++ < MOST_FORMS) family_of[form] = family
  }
  while (n_of_record-- > 0) print family
}

# The last errors in a ring, by time; where several files are read, they may come in any order.
function remember(line,   i, at) {
  if (n_last == TIMELINE && when < last_time[newest]) {
    if (when < last_time[(newest + 1) % TIMELINE]) return
    n_last--
  }
  newest = (newest + 1) % TIMELINE
  if (n_last < TIMELINE) n_last++
  at = newest
  for (i = 1; i < n_last && last_time[(at + TIMELINE - 1) % TIMELINE] > when; i++) {
    last_time[at] = last_time[(at + TIMELINE - 1) % TIMELINE]
    last_line[at] = last_line[(at + TIMELINE - 1) % TIMELINE]
    at = (at + TIMELINE - 1) % TIMELINE
  }
  last_time[at] = when
  last_line[at] = line
}

# The Ith of the last errors, oldest first.
function last_error(i,   at) {
  at = (newest + TIMELINE - n_last + i) % TIMELINE
  return (last_time[at] == "" ? "" : last_time[at] "Z ") cut(last_line[at], 160)
}

# ---- forms of messages --------------------------------------------------------------------------

# A message with numbers, quoted names, paths and ids taken out. Rust's paths stay whole.
function form_of(message,   target, named, part, n, i) {
  target = ""
  if (match(message, /^[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z0-9_]+)*:+ +/)) {
    target = substr(message, 1, RLENGTH)
    message = substr(message, RLENGTH + 1)
  }
  if (index(message, "'")) {
    named = index(message, "'default'")
    if (named) gsub(/'default'/, "\001", message)
    gsub(/ '[^']*'/, " '…'", message)
    if (index(message, "='")) gsub(/='[^']*'/, "='…'", message)
    if (named) gsub(/\001/, "'default'", message)
  }
  if (index(message, "\"")) gsub(/"[^" ]*"/, "\"…\"", message)
  if (index(message, "/")) {
    if (index(message, "://")) gsub(/[a-z]+:\/\/[^ ,;)]+/, "…", message)
    if (index(message, " /") || index(message, "./") || index(message, "~/")) gsub(/ [.~]?\/[^ ,:;)]+/, " …", message)
    if (index(message, "=/") || index(message, "=.") || index(message, "=~")) gsub(/=[.~]?\/[^ ,:;)]+/, "=…", message)
  }
  if (index(message, "space=")) gsub(/space=[^ ,]+/, "space=…", message)
  if (index(message, "memory=")) gsub(/memory=[^ ,]+/, "memory=…", message)
  if (index(message, "id=")) gsub(/id=[^ ,]+/, "id=…", message)
  if (index(message, "name=")) gsub(/name=[^ ,]+/, "name=…", message)
  if (!index(message, "::")) return target without_numbers(message)
  n = split(message, part, " ")
  message = ""
  for (i = 1; i <= n; i++) message = message (i > 1 ? " " : "") (index(part[i], "::") ? part[i] : without_numbers(part[i]))
  return target message
}

function without_numbers(message,   at, code) {
  if (message !~ /[0-9]/) return message
  code = ""
  # The system's error numbers have a meaning, the first one is kept.
  if ((at = index(message, "(os error ")) > 0) {
    code = substr(message, at + 10)
    code = substr(code, 1, index(code, ")") - 1)
  }
  gsub(/[0-9a-fA-F]*[0-9][0-9a-fA-F]*/, "#", message)
  if (index(message, "#.") || index(message, "#-") || index(message, "#:")) gsub(/#([-.:]#)+/, "#", message)
  if (code != "") sub(/\(os error #\)/, "(os error " code ")", message)
  return message
}

# At most SIZE bytes, and no part of a character at the end.
function cut(line, size) {
  if (length(line) <= size) return line
  line = substr(line, 1, size)
  sub(/[\300-\377][\200-\277]*$/, "", line)
  return line "…"
}

# ---- patterns -----------------------------------------------------------------------------------

function read_patterns(   line, field, got) {
  while ((got = (getline line < patterns)) > 0) {
    if (line ~ /^#/ || line ~ /^[ \t]*$/) continue
    if (split(line, field, "\t") != 7) {
      printf "analyze_logs.awk: not seven fields: %s\n", line > "/dev/stderr"
      failed = 1
      exit 3
    }
    n_patterns++
    p_family[n_patterns] = field[1] + 0
    p_critical[n_patterns] = (field[2] == "critical")
    p_indicator[n_patterns] = field[3]
    p_strategy[n_patterns] = field[4]
    p_page[n_patterns] = field[5]
    p_advice[n_patterns] = field[6]
    p_pattern[n_patterns] = field[7]
    any_pattern = any_pattern (n_patterns > 1 ? "|" : "") "(" field[7] ")"
  }
  close(patterns)
  if (got < 0 || !n_patterns) {
    printf "analyze_logs.awk: no patterns in %s\n", patterns > "/dev/stderr"
    failed = 1
    exit 3
  }
}

# For each of N forms the number of the first pattern that matches, 0 if none does. Pattern by pattern, not form by form:
# gawk compiles an expression again whenever it is not that of the time before. What has its pattern is not looked at again.
function find_patterns(form, n, result,   i, p, n_open, n_left, open_) {
  for (i = 1; i <= n; i++) {
    result[i] = 0
    if (form[i] ~ any_pattern) open_[++n_open] = i
  }
  for (p = 1; p <= n_patterns && n_open; p++) {
    n_left = 0
    for (i = 1; i <= n_open; i++) {
      if (form[open_[i]] ~ p_pattern[p]) result[open_[i]] = p
      else open_[++n_left] = open_[i]
    }
    n_open = n_left
  }
}

# Adds N records of one level and pattern to the sums.
function add_to(p, its_level, n,   family) {
  family = p ? p_family[p] : 0
  in_family[family] += n
  if (its_level == "WARN") family_warnings[family] += n
  else family_errors[family] += n
  of_pattern[p] += n
  if (p ? p_critical[p] : its_level == "FATAL") critical += n
  if (!p && its_level == "FATAL") unknown_fatal += n
  if (!p) return
  in_indicator[p_indicator[p]] += n
  # What is left for people is in the pattern.
  if (p_strategy[p] == "RequiresIntervention") in_strategy["RequiresIntervention"] += n
}

# ---- the rest of very many forms ----------------------------------------------------------------

# Writes the program that sorts forms, and starts it behind a grep that lets pass what it may know. Its expressions
# stand in the program's text, where every awk compiles them once.
function start_sorter(   program, list, p, i) {
  program = work "/sorter.awk"
  list = work "/sorter.expressions"
  printf "" > list
  print "function pattern_of(form) {" > program
  for (p = 1; p <= n_patterns; p++) {
    print p_pattern[p] > list
    printf "  if (form ~ /%s/) return %d\n", in_slashes(p_pattern[p]), p > program
  }
  print "  return 0\n}\n{\n  count[pattern_of($0) \" \" substr($0, 1, index($0, \"\\t\") - 1)]++" > program
  for (i = 1; i <= n_words; i++) {
    print strategy_words[i] > list
    printf "  if (/%s/) words[%d]++\n", in_slashes(strategy_words[i]), i > program
  }
  print "}\nEND {\n  for (key in count) print key, count[key]\n  for (i in words) print \"words\", i, words[i]\n}" > program
  close(list)
  close(program)
  sorter = "grep -a -E -f " in_quotes(list) " | awk -f " in_quotes(program) " >" in_quotes(work "/sorted")
}

function in_quotes(path) {
  gsub(/'/, "'\\''", path)
  return "'" path "'"
}

function in_slashes(expression) {
  gsub(/\//, "\\/", expression)
  return expression
}

# What the sorter found, and what it did not get to see.
function add_rest(   line, field, its_level, got) {
  if (!n_rest) return
  close(sorter)
  while ((got = (getline line < (work "/sorted"))) > 0) {
    split(line, field, " ")
    if (field[1] == "words") in_strategy[strategy_key[field[2]]] += field[3]
    else {
      add_to(field[1] + 0, field[2], field[3])
      n_rest_of[field[2]] -= field[3]
    }
  }
  if (got < 0) {
    printf "analyze_logs.awk: the lines could not be sorted in %s\n", work > "/dev/stderr"
    failed = 1
    exit 3
  }
  for (its_level in n_rest_of) if (n_rest_of[its_level]) add_to(0, its_level, n_rest_of[its_level])
}

function judge(   i, k) {
  add_rest()
  find_patterns(forms, n_forms, form_pattern)
  for (i = 1; i <= n_forms; i++) {
    add_to(form_pattern[i], substr(forms[i], 1, index(forms[i], "\t") - 1), count[i])
    for (k = 1; k <= n_words; k++) if (forms[i] ~ strategy_words[k]) in_strategy[strategy_key[k]] += count[i]
  }
  status = critical ? 2 : (errors + warnings ? 1 : 0)
  verdict = critical ? "critical" : (errors + warnings ? "warning" : "ok")
  find_top()
}

# The most frequent forms, by repeated search: there are few to find. Of equals the critical one comes first, then the first seen.
function find_top(   i, k, best, taken) {
  for (k = 1; k <= TOP && k <= n_forms; k++) {
    best = 0
    for (i = 1; i <= n_forms; i++) if (!(i in taken) && (!best || before(i, best))) best = i
    taken[best] = 1
    top[++n_top] = best
  }
}

function before(i, j) {
  if (count[i] != count[j]) return count[i] > count[j]
  return is_critical(i) > is_critical(j)
}

function is_critical(i) { return form_pattern[i] ? p_critical[form_pattern[i]] : forms[i] ~ /^FATAL/ }

# ---- printing -----------------------------------------------------------------------------------

function page_url(page,   part) {
  split(page, part, " ")
  return url "/" part[1] ".html" (part[2] == "" ? "" : "#" part[2])
}

function readable(form,   at) {
  at = index(form, "\t")
  return (substr(form, 1, at - 1) == "FATAL" ? "" : substr(form, 1, at - 1) " ") cut(substr(form, at + 1), LONGEST - 4)
}

# The patterns that occurred, critical ones first, then by count, each page and advice once.
function recommend(   p, best, taken, key) {
  for (p = 1; p <= n_patterns; p++) if (of_pattern[p]) {
    key = p_page[p] "\t" p_advice[p]
    if (!(key in first_of)) first_of[key] = p
    advice_count[first_of[key]] += of_pattern[p]
    if (p_critical[p]) advice_critical[first_of[key]] = 1
  }
  while (1) {
    best = 0
    for (p = 1; p <= n_patterns; p++) if (p in advice_count && !(p in taken) &&
      (!best || (p in advice_critical) > (best in advice_critical) ||
        ((p in advice_critical) == (best in advice_critical) && advice_count[p] > advice_count[best]))) best = p
    if (!best) break
    taken[best] = 1
    advice[++n_advice] = best
  }
}

function print_text(   i, k) {
  recommend()
  printf "Engram log analysis, %s\nSource: %s\nRange:  %s\n", now, source, range
  printf "\n== Summary ==\n\n"
  printf "  %9d  lines\n  %9d  errors, %d of which ended a process\n  %9d  warnings\n  %9d  critical\n",
    lines, errors, fatal, warnings, critical
  if (skipped) printf "  %9d  lines are older and were left out\n", skipped
  printf "\n== Families ==\n\n"
  for (i = 1; i <= 7; i++) printf "  %9d  %d %s\n", in_family[i], i, family_name[i]
  printf "  %9d  of no family\n", in_family[0]
  printf "\n== Top error patterns ==\n\n"
  if (!n_top) print "  none"
  for (k = 1; k <= n_top; k++) printf "  %9d  %s\n", count[top[k]], readable(forms[top[k]])
  if (n_forms > n_top || n_rest) printf "  and %d more\n", n_forms - n_top + n_rest
  printf "\n== Performance indicators ==\n\n"
  for (i = 1; i <= n_indicators; i++) printf "  %9d  %s\n", in_indicator[indicator_key[i]], indicator_name[i]
  printf "\n== Recovery strategies ==\n\n"
  for (i = 1; i <= n_strategies; i++) printf "  %9d  %s (%s)\n", in_strategy[strategy_key[i]], strategy_name[i], strategy_key[i]
  printf "\n== Critical ==\n\n"
  if (!critical) print "  none"
  for (k = 1; k <= n_advice; k++) if (advice[k] in advice_critical)
    printf "  %9d  %s\n", advice_count[advice[k]], p_advice[advice[k]]
  if (unknown_fatal) printf "  %9d  The server ended with an error that is not in the catalogue\n", unknown_fatal
  printf "\n== Last %d errors ==\n\n", TIMELINE
  if (!n_last) print "  none"
  for (i = 1; i <= n_last; i++) print "  " last_error(i)
  printf "\n== Recommendations ==\n\n"
  if (!n_advice && !of_pattern[0]) print "  none"
  for (k = 1; k <= n_advice; k++)
    printf "  %d × %s\n      page: %s\n", advice_count[advice[k]], p_advice[advice[k]], page_url(p_page[advice[k]])
  if (of_pattern[0]) printf "  %d × Not in the catalogue: read the lines\n      page: %s\n", of_pattern[0], page_url("common-issues errors")
  printf "\nVerdict: %s\n", verdict
}

# Errors and critical warnings, one line for each pattern, or for each form that no pattern knows, in the order in which
# they were seen.
function print_errors(   i, p, key, n, order, sum, shown, critical_) {
  for (i = 1; i <= n_forms; i++) {
    p = form_pattern[i]
    if (forms[i] ~ /^WARN/ && !is_critical(i)) continue
    key = p ? p : "form " i
    if (!(key in sum)) { order[++n] = key; shown[key] = i }
    sum[key] += count[i]
  }
  for (i = 1; i <= n; i++) {
    key = order[i]
    p = form_pattern[shown[key]]
    printf "%s\t%d\t%s\t%s\n", (is_critical(shown[key]) ? "critical" : "warning"), sum[key],
      (p ? p_page[p] : "common-issues errors"), cut(readable(forms[shown[key]]), 160)
  }
}

# A JSON string, quotes included.
function quoted(s) {
  gsub(/\\/, "&&", s)
  gsub(/"/, "\\\\&", s)
  gsub(/\t/, " ", s)
  gsub(/[\001-\037\177]/, "?", s)
  return "\"" s "\""
}

function print_json(   i, k, p) {
  recommend()
  printf "{\"generated\":%s,\"source\":%s,\"range\":%s,", quoted(now), quoted(source), quoted(range)
  printf "\"status\":%s,\"exit_status\":%d,", quoted(verdict), status
  printf "\"lines\":%d,\"older_lines\":%d,\"errors\":%d,\"fatal\":%d,\"warnings\":%d,\"critical\":%d,",
    lines, skipped, errors, fatal, warnings, critical
  printf "\"families\":["
  for (i = 1; i <= 7; i++) printf "%s{\"family\":%d,\"name\":%s,\"count\":%d,\"errors\":%d,\"warnings\":%d}",
    (i > 1 ? "," : ""), i, quoted(family_name[i]), in_family[i], family_errors[i], family_warnings[i]
  printf "],\"no_family\":%d,\"patterns\":[", in_family[0]
  for (k = 1; k <= n_top; k++) {
    p = form_pattern[top[k]]
    printf "%s{\"count\":%d,\"pattern\":%s,\"family\":%s,\"critical\":%s,\"page\":%s}", (k > 1 ? "," : ""),
      count[top[k]], quoted(readable(forms[top[k]])), (p && p_family[p] ? p_family[p] : "null"),
      (is_critical(top[k]) ? "true" : "false"), quoted(page_url(p ? p_page[p] : "common-issues errors"))
  }
  printf "],\"more_patterns\":%d,\"performance\":{", n_forms - n_top + n_rest
  for (i = 1; i <= n_indicators; i++) printf "%s%s:%d", (i > 1 ? "," : ""), quoted(indicator_key[i]), in_indicator[indicator_key[i]]
  printf "},\"recovery\":{"
  for (i = 1; i <= n_strategies; i++) printf "%s%s:%d", (i > 1 ? "," : ""), quoted(strategy_key[i]), in_strategy[strategy_key[i]]
  printf "},\"timeline\":["
  for (i = 1; i <= n_last; i++) printf "%s%s", (i > 1 ? "," : ""), quoted(last_error(i))
  printf "],\"recommendations\":["
  for (k = 1; k <= n_advice; k++) printf "%s{\"count\":%d,\"critical\":%s,\"advice\":%s,\"page\":%s}", (k > 1 ? "," : ""),
    advice_count[advice[k]], (advice[k] in advice_critical ? "true" : "false"), quoted(p_advice[advice[k]]), quoted(page_url(p_page[advice[k]]))
  if (of_pattern[0]) printf "%s{\"count\":%d,\"critical\":%s,\"advice\":%s,\"page\":%s}", (n_advice ? "," : ""), of_pattern[0],
    (unknown_fatal ? "true" : "false"), quoted("Not in the catalogue: read the lines"), quoted(page_url("common-issues errors"))
  print "]}"
}
