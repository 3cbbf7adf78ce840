# shellcheck shell=bash disable=SC2154
# Check 3, gRPC: is it served, by the server itself, and in plain text or over TLS? After lib_checks.sh.

# Where gRPC is to be found: told to us, told to the server, in its configuration, or where it always is.
grpc_port_in_use() {
  local port=$grpc_port
  [ -n "$port" ] || port=$(server_argument -g --grpc-port) || port=$(config_value grpc address) || port=''
  port=${port##*:}
  printf '%s\n' "${port:-50051}"
}

# Switched off by the configuration? The command line turns it on again, and so does who expects it.
grpc_is_off() {
  [ -z "$grpc_port" ] && ! server_argument -g --grpc-port >/dev/null && [ "$(config_value grpc enabled)" = false ]
}

# The process that listens on a TCP port, if it is none of the servers: PID. Fails if nobody else is seen.
other_listener() {
  local owner
  have ss && [ "${#servers[@]}" -gt 0 ] || return 1
  owner=$(ss -H -l -t -n -p "sport = :$1" 2>/dev/null | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | sed -n 1p)
  [ -n "$owner" ] && [[ ! " ${servers[*]} " == *" $owner "* ]] && printf '%s\n' "$owner"
}

# Nothing answers on gRPC's port; $1 is how long that took to find out: "refused" or "silence".
grpc_is_closed() {
  local port=$2
  if grpc_is_off; then
    finding warning 'gRPC is switched off: [grpc] enabled = false' \
      "set enabled = true in $(config_file), then: sudo systemctl restart engram" "$(page_url issues/grpc-connection grpc-disabled)"
  elif [ "$1" = silence ] || { have ss && [ -n "$(ss -H -l -t -n "sport = :$port" 2>/dev/null)" ]; }; then
    finding warning "gRPC on port $port does not answer, although something listens or drops what is sent: a firewall" \
      "sudo iptables -L -n | grep -E 'REJECT|DROP|$port'" "$(page_url issues/grpc-connection firewall)"
  elif [ "$(config_value grpc.tls enabled)" = true ]; then
    finding warning "gRPC is not served on port $port; TLS is on, so look at its certificate and key" \
      "journalctl -u engram -n 200 --no-pager | grep 'gRPC server error'" "$(page_url issues/grpc-connection tls-mismatch)"
  else
    finding warning "gRPC is not served: nothing listens on port $port" \
      "journalctl -u engram -n 200 --no-pager | grep -i grpc" "$(page_url issues/grpc-connection diagnosis)"
  fi
}

# How many services grpcurl lists, as an addition to a message; empty without it, or without reflection.
grpcurl_says() {
  local services
  have grpcurl || return 0
  services=$(timeout 4 grpcurl "$@" list 2>/dev/null | grep -c .)
  [ "$services" -eq 0 ] || printf '; grpcurl lists %s services' "$services"
}

check_grpc() {
  local host port owner status=0 http2=0
  port=$(grpc_port_in_use)
  host=${url#*://}
  host=${host%%[:/]*}
  if [ "${#servers[@]}" -eq 0 ] && [ "$health_exit" -ne 0 ]; then
    finding skipped 'not asked: the server is down'
    return
  fi
  # A server that speaks TLS logs every other attempt as a failure, ours too: so TLS first where it is configured.
  if [ "$(config_value grpc.tls enabled)" = true ] && speaks_tls "$host" "$port"; then
    check_grpc_tls "$host" "$port"
    return
  fi
  # shellcheck disable=SC2016  # The inner bash expands $0 and $1.
  timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    grpc_is_closed "$([ "$status" -eq 124 ] && echo silence || echo refused)" "$port"
    return
  fi
  if owner=$(other_listener "$port"); then
    finding warning "gRPC's port $port belongs to another program: $(ps -o comm= -p "$owner"), PID $owner" \
      "stop it: sudo kill $owner; then: sudo systemctl restart engram" "$(page_url issues/grpc-connection port-conflict)"
    return
  fi
  if [ "$(metric engram_grpc_up)" = 0 ]; then
    finding warning "port $port is open, but the server says that it does not serve gRPC: the port is another program's" \
      "sudo lsof -i :$port -s TCP:LISTEN" "$(page_url issues/grpc-connection port-conflict)"
    return
  fi
  # Read to the end: a program that writes on after the word is found would die of it, and the pipe with it.
  if [[ $(curl --version) != *HTTP2* ]]; then
    finding unknown "port $port is open; this curl cannot speak HTTP/2, so the protocol was not tried" \
      'install a curl with HTTP/2' "$(page_url issues/grpc-connection diagnosis)"
    return
  fi
  curl --silent --output /dev/null --http2-prior-knowledge --connect-timeout 2 --max-time 2 "http://$host:$port/" || http2=$?
  if [ "$http2" -eq 0 ]; then
    finding ok "port $port is open and speaks HTTP/2$(grpcurl_says -plaintext "$host:$port")"
  elif speaks_tls "$host" "$port"; then
    check_grpc_tls "$host" "$port"
  else
    finding warning "port $port is open, but does not speak HTTP/2, which gRPC needs: $(curl_said "$http2")" \
      "sudo lsof -i :$port" "$(page_url issues/grpc-connection diagnosis)"
  fi
}

speaks_tls() {
  curl --silent --insecure --output /dev/null --http2 --connect-timeout 2 --max-time 2 "https://$1:$2/"
}

# gRPC over TLS: fine, unless the certificate has expired, or clients come that do not speak it.
check_grpc_tls() {
  local dates='' refused
  if have openssl; then
    dates=$(timeout 3 openssl s_client -connect "$1:$2" </dev/null 2>/dev/null | openssl x509 -noout -checkend 0 2>/dev/null)
  fi
  refused=$(strip_colours 2>/dev/null <"$work/log" |
    awk -v since="$since" 'index($0, "gRPC TLS handshake with") && substr($0, 1, length(since)) >= since { n++ } END { print n + 0 }')
  if [[ $dates == *'will expire'* ]]; then
    finding warning "gRPC speaks TLS on port $2, with a certificate that has expired" \
      "make a new one for $(config_value grpc.tls cert_path)" "$(page_url issues/grpc-connection tls-mismatch)"
  elif [ "${refused:-0}" -gt 0 ]; then
    finding warning "gRPC speaks TLS on port $2, and $refused attempts of clients that do not have failed $window" \
      "journalctl -u engram -n 200 --no-pager | grep 'gRPC TLS handshake'" "$(page_url issues/grpc-connection tls-mismatch)"
  else
    finding ok "port $2 is open and speaks HTTP/2 over TLS; clients that speak plain text cannot connect$(grpcurl_says -insecure "$1:$2")"
  fi
}
