#!/bin/sh
# An annotator program for tests: every answer takes a moment, so that a question is nearly always under way.
# One line of JSON per question; the id comes back with label 1.
while IFS= read -r line; do
  sleep 0.3
  id=$(printf '%s' "$line" | sed -n 's/.*"id"[: ]*\([0-9]*\).*/\1/p')
  printf '{"id":%s,"label":1}\n' "$id"
done
