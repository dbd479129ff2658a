#!/usr/bin/env bash
# Lesson 13 on real hosts, as far as one machine can have them: network namespaces (ip-netns(8)). Each has addresses,
# ports and a mail server of its own, and a cable to a third one, where the broker and the server are.
#
#   host A: worker, mailbox  ---- cable ----  hub: broker, server  ---- cable ----  host B: worker, mailbox
#
# First a worker is killed with a mail in hand. Then a whole host loses its cable, also with a mail in hand.
set -euo pipefail
cd "$(dirname "$0")/.."

usage="usage: sudo tests/hosts.sh [solution-13 | lesson-13]"
name=${1:-solution-13}
target=${CARGO_TARGET_DIR:-$PWD/target}
program=$target/debug/$name
workshop=$target/debug/workshop
hub=workshop-hub a=workshop-a b=workshop-b
# How long the broker waits for an acknowledgement.
export ACK_WAIT_MS=2000

refuse() { echo "error: $*" >&2; exit 2; }

check_the_machine() {
  case $name in solution-13 | lesson-13) ;; *) refuse "unknown program \"$name\"; $usage" ;; esac
  [ "$(uname)" = Linux ] || refuse "only Linux has network namespaces"
  PATH=$PATH:/usr/sbin:/sbin
  local tool
  for tool in ip:iproute2 nats-server:nats-server curl:curl; do
    command -v "${tool%:*}" >/dev/null || refuse "there is no ${tool%:*} here: apt-get install ${tool#*:}"
  done
  [ -x "$program" ] && [ -x "$workshop" ] ||
    refuse "not built yet: first run, as yourself, cargo build -p $name -p workshop"
  [ "$(id -u)" -eq 0 ] || refuse "only root may make network namespaces; $usage"
  local host
  for host in $hub $a $b; do
    [ ! -e /run/netns/$host ] ||
      refuse "there is a host $host already. If no other run uses it: ip netns delete $host"
  done
}

folder=
made=()

# However this script ends, nothing is left of it.
clean_up() {
  local status=$? child host
  trap '' INT TERM
  for child in $(jobs -p); do { kill -KILL "$child" && wait "$child"; } 2>/dev/null || true; done
  for host in "${made[@]}"; do ip netns delete "$host" 2>/dev/null || true; done
  [ -z "$folder" ] || rm -rf "$folder"
  exit "$status"
}

make_host() {
  ip netns add "$1" || refuse "the system lets nobody make a network namespace here (is this a container?)"
  made+=("$1")
  ip -n "$1" link set lo up
}

# A cable from a host to the hub: each end is a network card with an address.
plug_in() {
  local host=$1 card=$2 net=$3
  ip -n $hub link add "$card" type veth peer name eth0 netns "$host"
  ip -n $hub address add "$net.1/24" dev "$card"
  ip -n "$host" address add "$net.2/24" dev eth0
  ip -n $hub link set "$card" up
  ip -n "$host" link set eth0 up
}

# start HOST LOG COMMAND…: runs it on that host. Its pid is in $started.
start() {
  local host=$1 log=$folder/$2
  shift 2
  # `ip netns exec` becomes the command, so this is its pid.
  ip netns exec "$host" "$@" >"$log" 2>&1 </dev/null &
  started=$!
}

# wait_for LOG TEXT: until the log of a program has it.
wait_for() {
  local tries
  for tries in $(seq 200); do
    ! grep -qF -- "$2" "$folder/$1" || return 0
    sleep 0.1
  done
  printf 'error: no "%s" within 20 seconds. What %s says:\n' "$2" "$1" >&2
  tail -n 20 "$folder/$1" >&2
  exit 1
}

# A mailbox that holds every mail reads from a pipe: each line lets a mail go.
start_mailbox() {
  local host=$1 log=$2
  shift 2
  mkfifo "$folder/enter-$log"
  ip netns exec "$host" "$workshop" mailbox "$@" >"$folder/$log" 2>&1 <>"$folder/enter-$log" &
  wait_for "$log" "listening on"
}

start_worker() {
  start "$1" "$2" env NATS_URL="nats://$3:4222" "$program" send-mail
  wait_for "$2" "waiting for mails"
}

# post JOB COUNT: a job of so many mails, to the server on the hub.
post() {
  local mails='' number
  for number in $(seq "$2"); do
    mails+="{\"from\":\"ann@example.org\",\"to\":\"to-$number@example.org\",\"subject\":\"$1\",\"text\":\"Hello\"},"
  done
  ip netns exec $hub curl -sS --fail-with-body http://127.0.0.1:3000/endpoint \
    -H 'content-type: application/json' -H "idempotency-key: $1" -d "{\"emails\":[${mails%,}]}" ||
    refuse "the server does not take the job"
  echo
}

say() { printf '%s\n' "$@"; }
ids() { cat "$folder"/mailbox-* | sed -n 's/^ *Message-ID: *//p' | sort; }

set_up() {
  folder=$(mktemp -d)
  make_host $hub
  make_host $a
  make_host $b
  plug_in $a to-a 10.77.1
  plug_in $b to-b 10.77.2
  start $hub broker nats-server --jetstream --addr 0.0.0.0 --store_dir "$folder/store"
  wait_for broker "Server is ready"
  start $hub server "$program"
  wait_for server "listening on"
  start_mailbox $a mailbox-a --hold
  start_mailbox $b mailbox-b
  say "three hosts: A (10.77.1.2), B (10.77.2.2), and the hub, with the broker and the server"
}

a_worker_is_killed() {
  say "" "1. A worker is killed with a mail in hand"
  start_worker $a worker-a 10.77.1.1
  local worker_a=$started
  post job-1 6
  wait_for mailbox-a "held at RCPT: a mail to"
  say "host A has a mail in hand; its mailbox holds it"
  start_worker $b worker-b 10.77.2.1
  worker_b=$started
  wait_for mailbox-b "Mail 5"
  say "host B has sent the other 5"
  # Otherwise bash tells us what we know: "Killed".
  { kill -KILL "$worker_a" && wait "$worker_a"; } 2>/dev/null || true
  say "SIGKILL to the worker on host A"
  wait_for mailbox-b "Mail 6"
  say "host B has sent the sixth: the broker has delivered it again"
  wait_for server "Number of mails sent 6"
  say "the server's log: Number of mails sent 6"
}

a_host_loses_its_cable() {
  say "" "2. A host loses its cable with a mail in hand"
  # So that host A gets the mail.
  kill -TERM "$worker_b"
  wait "$worker_b"
  start_worker $a worker-a2 10.77.1.1
  local worker_a=$started
  post job-2 1
  wait_for mailbox-a "to-1@example.org. Press Enter"
  ip -n $hub link set to-a down
  say "host A has the mail in hand, and its cable is pulled; no process has ended"
  start_worker $b worker-b2 10.77.2.1
  wait_for mailbox-b "Mail 7"
  wait_for server "Number of mails sent 1"
  say "host B has sent it; the server's log: Number of mails sent 1"
  echo >"$folder/enter-mailbox-a"
  wait_for mailbox-a "Mail 1"
  say "host A, which knows nothing of that, sends it too"
  ip -n $hub link set to-a up
  kill -TERM "$worker_a"
  wait "$worker_a"
  say "the cable is back; host A reports, acknowledges and ends with status 0"
}

count() {
  local arrived different twice lines
  arrived=$(ids | wc -l)
  different=$(ids | uniq | wc -l)
  twice=$(ids | uniq -d)
  lines=$(grep -c "Number of mails sent" "$folder/server")
  say "" "asked 7, arrived $different, lost $((7 - different)), duplicated $((arrived - different)); jobs in the log $lines"
  say "the one that came twice is $twice, both times"
  [ "$different" -eq 7 ] && [ "$arrived" -eq 8 ] && [ "$lines" -eq 2 ] || { say "error: that is not as it should be" >&2; exit 1; }
}

check_the_machine
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
set_up
a_worker_is_killed
a_host_loses_its_cable
count
