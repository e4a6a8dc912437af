#!/bin/sh
# Ask from a shell: ask.sh TENANT QUESTION. Prints the answer; says on standard error why there is none.
# `millrace ask` ends with 0 (answered), 3 (abstained), 4 (refused), 5 (expired or failed).
set -u
said=$(millrace ask "$2" --tenant "$1" --json)
code=$?
case $code in
  0) echo "$said" | python3 -c 'import json, sys; print(json.load(sys.stdin)["answer"])' ;;
  3) echo "the documents do not answer that" >&2 ;;
  *) echo "no answer: $said" >&2 ;;
esac
exit $code
