# shellcheck shell=bash disable=SC2154,SC2034
# What can be told of the scripts without running them. Runs outside of the sandbox; changes nothing.

test_shellcheck_finds_nothing() {
  run shellcheck -x "$ROOT"/scripts/*.sh "$ROOT"/tests/scripts/*.sh
  exits 0
}

test_every_page_and_anchor_that_a_script_names_exists() {
  local page anchor found=0
  while read -r page anchor; do
    found=$((found + 1))
    exists "$ROOT/book/src/$page.md"
    [ -z "$anchor" ] || grep -q "^#.*{#$anchor}" "$ROOT/book/src/$page.md" || wrong "no anchor $anchor in $page.md"
  done < <({
    grep -ohE 'page_url [a-z][a-z0-9/-]+( [a-z0-9-]+)?' "$ROOT"/scripts/*.sh | sed 's/^page_url //'
    # Pages that are chosen first and linked later.
    grep -ohE '\bissues/[a-z-]+ [a-z-]+' "$ROOT"/scripts/*.sh
    grep -v '^#' "$ROOT/scripts/log_patterns.tsv" | cut -f 5
  } | sort -u)
  [ "$found" -gt 20 ] || wrong "only $found links were found"
}

test_every_log_pattern_is_whole_and_portable() {
  local family severity indicator strategy page advice pattern n=0
  while IFS=$'\t' read -r family severity indicator strategy page advice pattern; do
    n=$((n + 1))
    [[ $family =~ ^[0-7]$ ]] || wrong "family $family"
    [[ $severity =~ ^(critical|warning)$ ]] || wrong "severity $severity"
    [[ $indicator =~ ^(-|slow-query|slow-write|wal-lag|consolidation|index-fallback)$ ]] || wrong "indicator $indicator"
    [[ $strategy =~ ^(Retry|Fallback|PartialResult|ContinueWithoutFeature|RequiresIntervention)$ ]] || wrong "strategy $strategy"
    [ -n "$advice" ] || wrong "no advice for $pattern"
    # An empty alternative matches everything; intervals and Perl's classes do not work in every awk.
    [[ $pattern != *['{}']* && ! $pattern =~ \\[dsw\<\>] && ! "|$pattern|" =~ [|(][|)] ]] || wrong "pattern $pattern"
  done < <(grep -v '^#' "$ROOT/scripts/log_patterns.tsv")
  [ "$n" -gt 30 ] || wrong "only $n patterns"
  is "$(grep -v '^#' "$ROOT/scripts/log_patterns.tsv" | awk -F'\t' 'NF != 7' | wc -l)" 0
  is "$(grep -v '^#' "$ROOT/scripts/log_patterns.tsv" | cut -f 1 | sort -u | paste -sd '')" 01234567
}

test_every_script_is_executable_and_has_help() {
  local script
  for script in "$ROOT"/scripts/*.sh; do
    [[ ${script##*/} != lib*.sh ]] || continue
    run "$script" --help
    exits 0
    says 'Exit status'
    says '--help'
  done
}

test_unknown_options_and_missing_values_are_usage_errors() {
  local script
  for script in "$ROOT"/scripts/*.sh; do
    [[ ${script##*/} != lib*.sh ]] || continue
    run "$script" --no-such-option
    exits 64
  done
  for script in backup_full verify_backup restore emergency_recovery; do
    run "$ROOT/scripts/$script.sh" --space
    exits 64
    run "$ROOT/scripts/$script.sh" --space ''
    exits 64
    # The specification's draft took the next option for the name of a space, and deleted it.
    run "$ROOT/scripts/$script.sh" --space --dry-run
    exits 64
    run "$ROOT/scripts/$script.sh" --space ../victim latest
    exits 64
    run "$ROOT/scripts/$script.sh" --space UPPER latest
    exits 64
  done
}

test_scripts_need_no_bc_and_no_working_directory() {
  # shellcheck disable=SC2016
  run grep -nE '(^|[|;$(] *)bc( |$)|\./(data|scripts|backups)' "$ROOT"/scripts/*.sh
  exits 1
}

test_alert_rules_are_valid_and_fire() {
  run promtool check config "$ROOT/alerts/prometheus.yml"
  exits 0
  for tests in "$ROOT"/alerts/tests/*.yml; do
    run promtool test rules "$tests"
    exits 0
  done
}
