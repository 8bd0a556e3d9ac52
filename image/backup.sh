#!/bin/sh
# The tool under its own name. Node is named in full: cron gives its jobs a PATH without /usr/local/bin.
exec /usr/local/bin/node /app/dist/bin/backup.js "$@"
