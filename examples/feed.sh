#!/bin/sh
# Feed a folder: feed.sh TENANT FOLDER. In the bulk lane, where it never holds up a change that
# somebody waits for; ends once all of it is searchable, and prints what became of it as JSON.
exec millrace feed "$2" --tenant "$1" --bulk --json
