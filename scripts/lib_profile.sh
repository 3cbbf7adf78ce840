# shellcheck shell=bash disable=SC2154
# Looking at a process once a second, and the tables of what was seen. Judges nothing. For profile_performance.sh, after
# lib.sh, with these set: pid, url, work (a directory), disk, hertz, allowed, limit, stamp, took.

# ---- looking ------------------------------------------------------------------------------------

# One second: a line "S" with the values of the process and the machine, and a line "t" for each thread.
# A value that may not be read, or that this kernel does not have, is "-".
sample() {
  local now answer descriptors='-' list
  answer=$(curl --disable --silent --output /dev/null --write-out '%{http_code} %{time_total}' --connect-timeout 1 \
    --max-time 2 "$url/health/alive") || true
  if [ -r "/proc/$pid/fd" ] && list=$(ls -f "/proc/$pid/fd" 2>/dev/null); then
    descriptors=$(($(wc -l <<<"$list") - 2))
  fi
  now=$(date +%s%N)
  grep -s -H '' "/proc/$pid/stat" "/proc/$pid/status" "/proc/$pid/io" "/proc/$pid"/task/*/{stat,schedstat,status} \
    /proc/loadavg /proc/stat /proc/diskstats /proc/pressure/{cpu,io,memory} |
    awk -v now="$now" -v pid="$pid" -v disk="$disk" -v fds="$descriptors" -v answer="$answer" '
      function known(key) { return (key in value) ? value[key] : "-" }
      {
        colon = index($0, ":"); path = substr($0, 1, colon - 1); line = substr($0, colon + 1)
        file = path; sub(/.*\//, "", file)
        n = split(line, f, " ")
        if (index(path, "/task/")) {
          tid = path; sub(/.*\/task\//, "", tid); sub(/\/.*/, "", tid)
          if (file == "stat") {
            match(line, /\(.*\)/); name[tid] = substr(line, RSTART + 1, RLENGTH - 2); gsub(/[ \t]/, "_", name[tid])
            split(substr(line, RSTART + RLENGTH + 1), f, " ")
            state[tid] = f[1]; ticks[tid] = f[12] + f[13]
            if (f[1] == "D") waiting++
          } else if (file == "schedstat") { run[tid] = f[1]; wait[tid] = f[2] }
          else if (f[1] == "voluntary_ctxt_switches:") voluntary[tid] = f[2]
          else if (f[1] == "nonvoluntary_ctxt_switches:") forced[tid] = f[2]
        } else if (path == "/proc/" pid "/stat") {
          match(line, /\(.*\)/); split(substr(line, RSTART + RLENGTH + 1), f, " ")
          value["state"] = f[1]; value["ticks"] = f[12] + f[13]; value["faults"] = f[10]; value["nice"] = f[17]
        } else if (path == "/proc/" pid "/status") { sub(/:/, "", f[1]); value[f[1]] = f[2] }
        else if (index(path, "/pressure/")) { if (f[1] == "some") { sub(/total=/, "", f[n]); value["some_" file] = f[n] } }
        else if (file == "io") { sub(/:/, "", f[1]); value[f[1]] = f[2] }
        else if (file == "loadavg") value["load"] = f[1]
        else if (path == "/proc/stat" && f[1] == "cpu") {
          for (i = 2; i <= 9; i++) total += f[i]
          value["total"] = total; value["iowait"] = f[6]; value["steal"] = f[9]; value["busy"] = total - f[5] - f[6]
        } else if (file == "diskstats" && disk != "" && f[3] == disk) value["disk"] = f[13]
      }
      END {
        if (!("ticks" in value) || value["state"] ~ /[ZX]/) exit 1
        split("state ticks faults nice RssAnon RssFile VmSwap Threads read_bytes write_bytes syscr syscw load busy total " \
          "iowait steal some_cpu some_io some_memory disk", keys, " ")
        printf "S\t%s", now
        for (i = 1; i <= 21; i++) printf "\t%s", known(keys[i])
        split(answer, f, " ")
        printf "\t%d\t%s\t%s\t%s\n", waiting, fds, f[1], f[2]
        for (tid in name) printf "t\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", now, tid, state[tid], ticks[tid], \
          (tid in run) ? run[tid] : "-", (tid in wait) ? wait[tid] : "-", voluntary[tid] + 0, forced[tid] + 0, name[tid]
      }' >>"$work/samples.tsv"
}

# The processor time of every process: PID, ticks, name.
all_processes() {
  grep -s -h '' /proc/[0-9]*/stat | awk '{
    match($0, /\(.*\)/); name = substr($0, RSTART + 1, RLENGTH - 2); gsub(/[ \t]/, "_", name)
    split(substr($0, RSTART + RLENGTH + 1), f, " "); print $1, f[12] + f[13], name }' >"$work/processes.$1"
}

# How often and how long each operation ran since the start: OPERATION COUNT SECONDS.
operations() {
  curl --disable --silent --max-time 3 --max-filesize 20000000 --header 'Accept: text/plain' "$url/metrics/prometheus" 2>/dev/null |
    awk '
      /^engram_memory_operation_duration_seconds_(sum|count)[{ ]/ && match($0, /operation="[^"]*"/) {
        operation = substr($0, RSTART + 11, RLENGTH - 12)
        if (/_seconds_sum/) sum[operation] += $NF; else count[operation] += $NF
      }
      END { for (operation in count) printf "%s %.0f %.6f\n", operation, count[operation], sum[operation] }' >"$work/operations.$1"
}

# ---- what was seen ------------------------------------------------------------------------------

# The first words of a file of the profile.
heading() {
  printf '# %s: process %s, %s, %s s\n' "$1" "$pid" "$stamp" "$took"
}

# Facts as shell words NAME=VALUE, and the tables cpu, memory_usage, io, descriptors and latency. One pass.
analyse() {
  awk -F '\t' -v hertz="$hertz" -v out="$work/out" -v allowed="$allowed" '
    function delta(new, old) { return (new == "-" || old == "-") ? "-" : new - old }
    function rate(d, s) { return (d == "-") ? "-" : sprintf("%.0f", d / s) }
    function share(d, whole) { return (d == "-" || whole <= 0) ? "-" : sprintf("%.1f", 100 * d / whole) }
    function fact(name, value) { print name "=" value }
    function clock(ns) { return sprintf("%.0f", (ns - first[2]) / 1e9) }
    $1 == "S" {
      n++
      if (n == 1) {
        for (i = 1; i <= NF; i++) { first[i] = $i; last[i] = $i }
        print "# seconds  server CPU %  machine busy %  I/O wait %  stolen %  load  state" > (out "/cpu.txt")
        print "# seconds  RssAnon kB  RssFile kB  VmSwap kB  threads" > (out "/memory_usage.txt")
        print "# seconds  read B/s  written B/s  reads/s  writes/s  threads waiting for a disk  disk busy %" > (out "/io.txt")
        print "# seconds  open" > (out "/descriptors.txt")
        print "# seconds  status  ms (GET /health/alive)" > (out "/latency.txt")
      } else {
        s = ($2 - last[2]) / 1e9; whole = delta($17, last[17])
        printf "%9s %13s %15s %11s %9s %5s  %s\n", clock($2), share(delta($4, last[4]) / hertz, s), \
          share(delta($16, last[16]), whole), share(delta($18, last[18]), whole), share(delta($19, last[19]), whole), $15, $3 > (out "/cpu.txt")
        printf "%9s %9s %12s %8s %8s %27d %12s\n", clock($2), rate(delta($11, last[11]), s), rate(delta($12, last[12]), s), \
          rate(delta($13, last[13]), s), rate(delta($14, last[14]), s), $24, share(delta($23, last[23]), s * 1000) > (out "/io.txt")
      }
      printf "%9s %11s %11s %10s %8s\n", clock($2), $7, $8, $9, $10 > (out "/memory_usage.txt")
      printf "%9s %5s\n", clock($2), $25 > (out "/descriptors.txt")
      printf "%9s %7s %8.1f\n", clock($2), $26, $27 * 1000 > (out "/latency.txt")
      x = ($2 - first[2]) / 6e10; sx += x; sy += $7; sxx += x * x; sxy += x * $7
      if ($24 > 0) stuck++
      if ($3 == "T" || $3 == "t") stopped++
      if ($25 != "-" && $25 > most) most = $25
      if ($26 != "200") failed++
      else { answered++; if ($27 > slowest) slowest = $27 }
      for (i = 1; i <= NF; i++) last[i] = $i
    }
    $1 == "t" {
      if (!($3 in t_first)) { t_first[$3] = $5; r_first[$3] = $6; w_first[$3] = $7; v_first[$3] = $8; f_first[$3] = $9 }
      t_last[$3] = $5; r_last[$3] = $6; w_last[$3] = $7; v_last[$3] = $8; f_last[$3] = $9; t_name[$3] = $10
      if ($4 == "D") t_stuck[$3]++
    }
    END {
      if (n < 2) exit 1
      s = (last[2] - first[2]) / 1e9; whole = delta(last[17], first[17])
      server = 100 * (last[4] - first[4]) / hertz / s
      fact("samples", n); fact("server_cpu", sprintf("%.1f", server)); fact("server_share", sprintf("%.1f", server / allowed))
      fact("machine_busy", share(delta(last[16], first[16]), whole)); fact("iowait", share(delta(last[18], first[18]), whole))
      fact("stolen", share(delta(last[19], first[19]), whole)); fact("nice", last[6]); fact("load", last[15])
      for (i in t_last) {
        if (r_last[i] == "-") no_schedstat = 1
        run += r_last[i] - r_first[i]; waited += w_last[i] - w_first[i]; voluntary += v_last[i] - v_first[i]; forced += f_last[i] - f_first[i]
        if (t_last[i] - t_first[i] > top) { top = t_last[i] - t_first[i]; top_name = t_name[i] }
        printf "%d\t%.1f\t%.1f\t%d\t%s\n", i, 100 * (t_last[i] - t_first[i]) / hertz / s, (w_last[i] - w_first[i]) / 1e6 / s, t_stuck[i], t_name[i] > (out "/threads")
      }
      fact("thread_cpu", sprintf("%.1f", 100 * top / hertz / s)); fact("thread_name", top_name == "" ? "none" : top_name)
      fact("cpu_wait", no_schedstat || run + waited <= 0 ? "-" : sprintf("%.1f", 100 * waited / (run + waited)))
      fact("cpu_wait_ms", no_schedstat ? "-" : sprintf("%.1f", waited / 1e6 / s))
      fact("voluntary", sprintf("%.0f", voluntary / s)); fact("forced", sprintf("%.0f", forced / s))
      fact("pressure_cpu", share(delta(last[20], first[20]), s * 1e6)); fact("pressure_io", share(delta(last[21], first[21]), s * 1e6))
      fact("pressure_memory", share(delta(last[22], first[22]), s * 1e6))
      fact("anonymous", last[7]); fact("mapped", last[8]); fact("swapped", last[9]); fact("anonymous_first", first[7])
      d = n * sxx - sx * sx; fact("growth", d > 0 ? sprintf("%.0f", (n * sxy - sx * sy) / d) : 0)
      fact("read", rate(delta(last[11], first[11]), s)); fact("written", rate(delta(last[12], first[12]), s))
      fact("faults", rate(delta(last[5], first[5]), s)); fact("disk_busy", share(delta(last[23], first[23]), s * 1000))
      fact("disk_wait", sprintf("%.1f", 100 * stuck / n)); fact("stopped", sprintf("%.0f", 100 * stopped / n))
      fact("descriptors", most == "" ? "-" : most); fact("silent", failed + 0)
      fact("slowest", answered ? sprintf("%.1f", slowest * 1000) : "-")
    }' "$work/samples.tsv" >"$work/facts"
}

# The processes that used most, other than the server: "NAME (PID) NN % of a CPU", at most five.
busiest() {
  awk -v pid="$pid" -v hertz="$hertz" -v s="$took" -v self="$$" '
    FILENAME == ARGV[1] { before[$1] = $2; next }
    $1 != pid && $1 != self && $2 - before[$1] > 0 { printf "%.0f %s %d\n", 100 * ($2 - before[$1]) / hertz / s, $3, $1 }' \
    "$work/processes.begin" "$work/processes.end" | sort -rn | awk 'NR <= 5 && $1 > 0 { printf "%s (PID %s) %s %% of a CPU\n", $2, $3, $1 }'
}

tables() {
  local name
  {
    heading 'processors'
    printf '\nBy thread: percent of a CPU, ms of each second spent waiting for a CPU, samples in which it waited for a disk\n'
    sort -t "$(printf '\t')" -k2,2 -rn "$work/out/threads" | awk -F '\t' '{ printf "%9s %7s %% %8s ms %5s  %s\n", $1, $2, $3, $4, $5 }'
    printf '\nOther processes, the busiest first\n'
    busiest | sed 's/^/  /'
    printf '\nEvery second\n'
    cat "$work/out/cpu.txt"
  } >"$work/out/cpu.part" && mv "$work/out/cpu.part" "$work/out/cpu.txt"
  rm -f "$work/out/threads"
  {
    printf '# operations that ended meanwhile: count, mean ms\n'
    if [ -s "$work/operations.end" ]; then
      awk 'FILENAME == ARGV[1] { count[$1] = $2; sum[$1] = $3; next }
        $2 - count[$1] > 0 { printf "%-14s %8d %10.2f\n", $1, $2 - count[$1], 1000 * ($3 - sum[$1]) / ($2 - count[$1]) }' \
        "$work/operations.begin" "$work/operations.end"
    else
      printf 'N/A: %s/metrics/prometheus has no engram_memory_operation_duration_seconds with samples. Engram 0.1.0 lacks it.\n' "$url"
    fi
  } >"$work/out/operations.txt"
  printf '# the limit is %s\n' "$limit" >>"$work/out/descriptors.txt"
  printf '\n# what the memory is at the end, in kB\n' >>"$work/out/memory_usage.txt"
  if ! awk '/^(Rss|Pss|Private_Dirty|Anonymous|Swap):/ { printf "%-14s %10d\n", $1, $2 }' "/proc/$pid/smaps_rollup" \
    >>"$work/out/memory_usage.txt" 2>/dev/null; then
    printf 'N/A: /proc/%s/smaps_rollup cannot be read: run this with sudo\n' "$pid" >>"$work/out/memory_usage.txt"
  fi
  for name in memory_usage io descriptors latency operations; do
    { heading "${name//_/ }"; cat "$work/out/$name.txt"; } >"$work/out/part" && mv "$work/out/part" "$work/out/$name.txt"
  done
  cp "$work/samples.tsv" "$work/out/samples.tsv"
}
