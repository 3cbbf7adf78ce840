# shellcheck shell=bash disable=SC2154,SC2034
# What the tests of diagnose_health.sh share.

# The ten checks are all there, and each bad finding has a command and a page.
complete() {
  local number
  for number in $(seq 10); do
    [[ $out == *"[$(printf '%2d' "$number")/10]"* ]] || wrong "check $number is missing"
  done
  is "$(grep -cE '^\[..?/10\] .* (WARNING|CRITICAL|unknown) ' <<<"$out")" "$(grep -c '^ *do: .' <<<"$out")"
  is "$(grep -c '^ *do: ' <<<"$out")" "$(grep -c '^ *page: https://' <<<"$out")"
}

# A server on port 7432 that answers everything with the same body: answer_with TYPE BODY
answer_with() {
  printf 'HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$1" "${#2}" "$2" >/tmp/answer
  (while :; do nc -l -N 127.0.0.1 7432 </tmp/answer >/dev/null; done) 2>/dev/null &
  wait_for is_listening
}
