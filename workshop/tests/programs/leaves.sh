#!/usr/bin/env bash
# Listens, it says, and starts something in a group of its own, which outlives it.
trap 'exit 0' TERM
set -m
sleep 98765 </dev/null >/dev/null 2>&1 &
echo "listening on http://127.0.0.1:1"
while :; do sleep 0.05; done
